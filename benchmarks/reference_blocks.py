"""Blocks of CLIP and Synchformer at their real sizes: ours beside the references' way of writing them.

    python benchmarks/reference_blocks.py [--repeats 6]

One block of each (CLIP has 32, Synchformer 12), equal weights for Synchformer, one thread, the two in turns;
CPU milliseconds, least of `--repeats`. open_clip takes PyTorch's `MultiheadAttention`; Motionformer, from
which Synchformer is made, joins the class token to every group and multiplies in three axes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from soundvcm.encoders import clip, synchformer


class Gelu(nn.Module):
    """CLIP's approximation."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape."""
        return x * torch.sigmoid(1.702 * x)


class OpenClipBlock(nn.Module):
    """open_clip's residual attention block, [l, b, d] => [l, b, d]."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = nn.MultiheadAttention(width, heads)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), Gelu(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        """[l, b, d] => [l, b, d]."""
        normed = self.ln_1(x)
        x = x + self.attn(normed, normed, normed, need_weights=False)[0]
        out: Tensor = x + self.mlp(self.ln_2(x))
        return out


def attended(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """[n, l, e]; the query is scaled already."""
    return (query @ key.transpose(1, 2)).softmax(-1) @ value


class DividedAttention(nn.Module):
    """Motionformer's attention along time or in space, [b, 1 + moments * places, d]."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.qkv, self.proj = heads, nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor, along_time: bool) -> Tensor:
        """[b, 1 + moments * places, d] => the same shape."""
        batch, count, width = x.shape
        size, places = width // self.heads, synchformer.PLACES
        split = [
            part.reshape(batch, count, self.heads, size).transpose(1, 2).reshape(-1, count, size)
            for part in self.qkv(x).chunk(3, -1)
        ]
        split[0] = split[0] * size**-0.5
        first = attended(split[0][:, :1], split[1], split[2])
        groups = []
        for part in split:
            grid = part[:, 1:].reshape(len(part), -1, places, size)
            groups.append((grid.transpose(1, 2) if along_time else grid).flatten(0, 1))
        times = len(groups[0]) // len(first)
        joined = [
            torch.cat([part[:, None, :1].expand(-1, times, -1, -1).flatten(0, 1), group], dim=1)
            for part, group in zip(split[1:], groups[1:], strict=True)
        ]
        rest = attended(groups[0], *joined).unflatten(0, (len(first), times))
        rest = rest.transpose(1, 2) if along_time else rest
        mixed = torch.cat([first, rest.flatten(1, 2)], dim=1).unflatten(0, (batch, self.heads))
        out: Tensor = self.proj(mixed.transpose(1, 2).reshape(batch, count, width))
        return out


def in_turns(ways: dict[str, Callable[[], Tensor]], repeats: int) -> dict[str, float]:
    """Least CPU milliseconds of each way."""
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(repeats):
        for name, way in ways.items():
            began = time.process_time()
            way()
            best[name] = min(best[name], 1000 * (time.process_time() - began))
    return best


@torch.inference_mode()
def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--repeats", type=int, default=6)
    repeats = words.parse_args().repeats
    torch.set_num_threads(1)
    config = clip.ClipConfig()
    ours, theirs = clip.Block(config.width, config.heads), OpenClipBlock(config.width, config.heads)
    sync, other = (synchformer.Block(synchformer.WIDTH, synchformer.HEADS) for _ in range(2))
    other.attn, other.timeattn = (DividedAttention(synchformer.WIDTH, synchformer.HEADS) for _ in range(2))  # type: ignore[assignment]
    other.load_state_dict(sync.state_dict())
    pictures = torch.randn(2, config.grid**2 + 1, config.width)
    tokens = torch.randn(2, 1 + synchformer.SEGMENT_TOKENS * synchformer.PLACES, synchformer.WIDTH)
    print("| block | format | ours ms | reference ms | ratio |\n|---|---|---|---|---|")
    for form in (torch.float32, torch.bfloat16):
        for module in (ours, theirs, sync, other):
            module.to(form)
        seen, turned, moved = (
            pictures.to(form),
            pictures.to(form).transpose(0, 1).contiguous(),
            tokens.to(form),
        )
        for name, ways in {
            "CLIP, 2 pictures": {"ours": partial(ours, seen), "theirs": partial(theirs, turned)},
            "Synchformer, 2 segments": {"ours": partial(sync, moved), "theirs": partial(other, moved)},
        }.items():
            found = in_turns(ways, repeats)
            told = f"{found['ours']:.0f} | {found['theirs']:.0f} | {found['ours'] / found['theirs']:.2f}"
            print(f"| {name} | {str(form).removeprefix('torch.')} | {told} |", flush=True)


if __name__ == "__main__":
    main()
