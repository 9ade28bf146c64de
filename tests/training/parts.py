"""A small feature store, network and loop, for the tests of this folder."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import torch
from torch import Tensor, nn

from soundvcm.data.shards import Clip, StoreWriter
from soundvcm.data.store import FeatureStore
from soundvcm.objectives import FlowMatchingConfig, Objective, build
from soundvcm.records import Conditions
from soundvcm.training import LoopConfig, latest_checkpoint
from soundvcm.training.distributed import Team
from soundvcm.training.loop import Loop
from soundvcm.training.state import TrainingState
from soundvcm.training.view import Data

WIDTHS = {"latent": 6, "semantic": 5, "sync": 4, "text": 5}
CAPTIONS = ("rain", "a dog barks", "hammer on wood", "glass breaks")


def encode_words(texts: list[str]) -> torch.Tensor:
    """One token a text, from its letters: distinct texts get distinct features."""
    rows = [torch.tensor([hash_of(text, k) for k in range(WIDTHS["text"])]) for text in texts]
    return torch.stack(rows)[:, None]


def hash_of(text: str, k: int) -> float:
    return (sum((i + 1 + k) * ord(letter) for i, letter in enumerate(text)) % 97) / 48 - 1


def make_clip(k: int, *, n: int = 12, split: str = "train", video: bool = True) -> Clip:
    generator = torch.Generator().manual_seed(k)
    pattern = torch.sin(torch.arange(n)[:, None] / (2 + k % 4) + torch.arange(WIDTHS["latent"]))
    return Clip(
        id=f"clip{k:03d}",
        split=split,
        seconds=Fraction(n * 4, 125),
        captions=(CAPTIONS[k % 4],),
        mean=2 * pattern + 0.3 * torch.randn(n, WIDTHS["latent"], generator=generator) + 1,
        std=torch.full((n, WIDTHS["latent"]), 0.05),
        semantic=torch.randn(2, WIDTHS["semantic"], generator=generator) if video else None,
        sync=torch.randn(9, WIDTHS["sync"], generator=generator) if video else None,
    )


def make_store(folder: Path, clips: list[Clip], **fingerprint: str) -> FeatureStore:
    names = {"codec": "c1", "semantic": "s1", "sync": "y1", "text": "t1"} | fingerprint
    rates = {"latents": Fraction(125, 4), "semantic": Fraction(1), "sync": Fraction(25)}
    writer = StoreWriter(folder, fingerprint=names, rates=rates)
    writer.write(0, clips)
    writer.finish(encode_words)
    return FeatureStore(folder)


class Small(nn.Module):
    """A per-latent MLP with the call of a velocity network: the loop needs no more, and it is quick."""

    def __init__(self, width: int = 24, dropout: float = 0.0) -> None:
        super().__init__()
        self.inner = nn.Linear(WIDTHS["latent"] + 2 + WIDTHS["text"], width)
        self.outer = nn.Linear(width, WIDTHS["latent"])
        self.dropout = nn.Dropout(dropout)
        self.register_buffer("latent_mean", torch.full((1, 1, WIDTHS["latent"]), 0.5))

    def forward(
        self, noisy: Tensor, t: Tensor, s: Tensor, conditions: Conditions, guidance: Tensor | None = None
    ) -> Tensor:
        n = noisy.shape[1]
        text = torch.where(conditions.has_text[:, None], conditions.text[:, 0], torch.zeros(()))
        extra = torch.cat([t[:, None], (t - s)[:, None], text], 1).to(noisy.dtype)[:, None].expand(-1, n, -1)
        return self.outer(self.dropout(torch.tanh(self.inner(torch.cat([noisy, extra], 2)))))


def small_loop(
    config: LoopConfig,
    data: Data,
    run_dir: Path,
    *,
    objective: Objective | None = None,
    team: Team | None = None,
    dropout: float = 0.0,
    **more: object,
) -> Loop:
    """A loop over `Small` and flow matching; goes on with what is in `run_dir`."""
    torch.manual_seed(config.seed)
    state = TrainingState(Small(dropout=dropout), config)
    last = latest_checkpoint(run_dir)
    if last is not None:
        state.resume(last)
    chosen = objective or build(FlowMatchingConfig())
    return Loop(config, state, chosen, data, run_dir, team=team or Team(), record={"config": {}}, **more)  # type: ignore[arg-type]
