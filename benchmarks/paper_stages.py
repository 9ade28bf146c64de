"""Where the time of the paper's 16 kHz system goes on this machine, and what each lever saves, in one run.

Real sizes, weights by the rule of tests/golden/README.md (with torch's generator: numpy needs a minute). 2 of
64 pictures, 2 of 24 segments and 2 of 8 s of vocoder are run and scaled to an 8 s clip; the rest is run
whole. A lever is compared with the plain form inside one process. "core s" is CPU time, which a busy machine
disturbs least; errors are of these weights, not of the public ones. About 3 minutes of CPU.

    python benchmarks/paper_stages.py                               # all stages but compile
    python benchmarks/paper_stages.py --stages compile --threads 2  # torch.compile: a minute of CPU more
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from soundvcm import runtime
from soundvcm.codec.mel import MEL_16K, log_mel
from soundvcm.codec.paper import PAPER_CODECS, saved_vocoder
from soundvcm.codec.vae import VAE_16K, MelVae
from soundvcm.codec.vocoder import BIGVGAN_16K, Vocoder
from soundvcm.encoders import FeatureCache
from soundvcm.encoders.clip import ClipConfig, ClipPictureEncoder, ClipTextEncoder, PictureTower, TextTower
from soundvcm.encoders.synchformer import SynchformerEncoder, SyncTower
from soundvcm.evaluation.networks.yamnet import bundled_yamnet
from soundvcm.network import SIZES, VelocityNetwork
from soundvcm.records import Conditions

PICTURES, SEGMENTS, LATENTS = 64, 24, 250  # of 8 s
NEAR = 2.0  # mean absolute difference of pictures, of 255
Module = TypeVar("Module", bound=nn.Module)
Way = Callable[[], Tensor]


@dataclass(frozen=True)
class Row:
    """One line of the table: a way of doing a stage, scaled to an 8 s clip; ratio = CPU of the plain way over
    this one's.
    """

    stage: str
    way: str
    ran: str
    core_seconds: float
    wall_seconds: float
    ratio: float
    error: float


class Stage:
    """Rows of one stage; the first way is the plain one that all others are compared with."""

    def __init__(self, name: str, ran: str = "whole", scale: float = 1, repeats: int = 1) -> None:
        self.name, self.ran, self.scale, self.repeats = name, ran, scale, repeats
        self.rows: list[Row] = []
        self.expected: Tensor | None = None
        self.plain = 0.0

    def run(self, way: str, function: Way) -> None:
        """Time one way: the least of `repeats`, after one call to warm up where there are several."""
        result = function() if self.repeats > 1 else None
        spent = []
        for _ in range(self.repeats):
            core, wall = time.process_time(), time.perf_counter()
            result = function()
            spent.append((time.process_time() - core, time.perf_counter() - wall))
        core, wall = (min(column) for column in zip(*spent, strict=True))
        assert result is not None
        value = result.float()
        if self.expected is None:
            self.expected, self.plain = value, core
        error = ((value - self.expected).norm() / self.expected.norm()).item()
        times = core * self.scale, wall * self.scale
        self.rows.append(Row(self.name, way, self.ran, *times, self.plain / max(core, 1e-9), error))


def by_rule(module: Module) -> Module:
    """Weights that keep activations of order one: matrices by fan-in, norms near one, the rest small."""
    generator = torch.Generator().manual_seed(0)
    values = dict(module.named_parameters()) | dict(module.named_buffers())
    for name, value in values.items():
        last = name.rsplit(".", 1)[-1]
        value.data.normal_(generator=generator)
        if value.ndim > 1 and last.endswith("weight"):
            value.data.mul_(value[0].numel() ** -0.5)
        else:
            value.data.mul_(0.05)
        if last.endswith("_std") or (value.ndim == 1 and last.endswith("weight")):
            value.data.add_(1)
    return module.eval().requires_grad_(False)


def pictures(count: int, side: int) -> Tensor:
    """Smooth pictures that change from one to the next, uint8 [count, side, side, 3]."""
    generator = torch.Generator().manual_seed(1)
    coarse = torch.rand(count, 3, 12, 12, generator=generator)
    fine = nn.functional.interpolate(coarse, size=side, mode="bicubic", antialias=False)
    return (255 * fine.clamp(0, 1)).byte().permute(0, 2, 3, 1).contiguous()


def clip_stage() -> list[Row]:
    """CLIP's pictures: the second is the first with a little noise, so that it is a near-duplicate."""
    config = ClipConfig()
    tower = by_rule(PictureTower(config))
    first = pictures(1, config.picture)
    noise = torch.randint(-3, 4, first.shape, generator=torch.Generator().manual_seed(2))
    frames = torch.cat([first, (first.int() + noise).clamp(0, 255).byte()])
    plain, cache = ClipPictureEncoder(tower, config, batch=2), FeatureCache()
    stage = Stage("CLIP pictures", "2 of 64", PICTURES / 2)
    stage.run("float32", lambda: cache.get(plain, frames))
    stage.run("second take: from the cache", lambda: cache.get(plain, frames))
    tower.bfloat16()
    half = ClipPictureEncoder(tower, config, batch=2)
    stage.run("bfloat16 weights", lambda: half.encode(frames))
    near = ClipPictureEncoder(tower, config, batch=2, tolerance=NEAR)
    stage.run(f"bfloat16, near-duplicates once (option, {NEAR:g} of 255)", lambda: near.encode(frames))
    return stage.rows


def sync_stage() -> list[Row]:
    """Synchformer: two segments; a still shot, whose segments are equal; bfloat16 weights."""
    tower = by_rule(SyncTower())
    frames = pictures(24, 224)
    plain = SynchformerEncoder(tower)
    stage = Stage("Synchformer", "2 of 24", SEGMENTS / 2)
    stage.run("float32", lambda: plain.encode(frames))
    half = SynchformerEncoder(tower.bfloat16())
    stage.run("bfloat16 weights", lambda: half.encode(frames))
    pair, still = Stage("Synchformer, bfloat16", "2 of 24", SEGMENTS / 2), frames[:1].expand(24, -1, -1, -1)
    pair.run("a shot that moves", lambda: half.encode(frames))
    pair.run("a still shot: equal segments once", lambda: half.encode(still))
    return [*stage.rows, *(replace(row, error=float("nan")) for row in pair.rows)]


def text_stage() -> list[Row]:
    """CLIP's text tower, one prompt."""
    tower = by_rule(TextTower(ClipConfig()))
    stage, words = Stage("CLIP text", repeats=2), ["rain on a tin roof"]
    plain = ClipTextEncoder(tower)
    stage.run("float32", lambda: plain.encode(words))
    half = ClipTextEncoder(tower.bfloat16())
    stage.run("bfloat16 weights", lambda: half.encode(words))
    return stage.rows


class Drawn:
    """The 157 M two-time network with everything it is called with."""

    def __init__(self) -> None:
        config = SIZES["small_16k"].change({"second_time": "offset", "mirrored": False})
        self.network = by_rule(VelocityNetwork(config))
        generator = torch.Generator().manual_seed(2)
        self.conditions = Conditions.of(
            semantic=torch.randn(1, 64, 1024, generator=generator),
            sync=torch.randn(1, 192, 768, generator=generator),
            text=torch.randn(1, 77, 1024, generator=generator),
        )
        self.noisy, self.one = torch.randn(1, LATENTS, 20, generator=generator), torch.ones(1)

    def once(self, kind: torch.dtype = torch.float32) -> Way:
        """A call with its conditions encoded before."""
        given = self.network.given(self.conditions.to(torch.device("cpu"), kind), LATENTS)
        return lambda: given(self.noisy, self.one, 0 * self.one)


def network_stage() -> list[Row]:
    """One call: conditions encoded once or in each call, guidance from outside, bfloat16."""
    drawn = Drawn()
    network, noisy, one = drawn.network, drawn.noisy, drawn.one
    stage = Stage("network, one call", repeats=3)
    stage.run("conditions encoded in each call", lambda: network(noisy, one, 0 * one, drawn.conditions))
    stage.run("conditions encoded once", drawn.once())
    network.bfloat16()
    stage.run("once, bfloat16 weights", drawn.once(torch.bfloat16))
    return stage.rows


def compile_stage() -> list[Row]:
    """The same call with its blocks translated by torch.compile, and what the first call costs."""
    drawn = Drawn()
    once = drawn.once()
    stage = Stage("network, one call", repeats=3)
    stage.run("conditions encoded once", once)
    runtime.compile_forward([*drawn.network.joint, *drawn.network.fused], torch.device("cpu"))
    core, wall = time.process_time(), time.perf_counter()
    once()
    first = time.process_time() - core, time.perf_counter() - wall
    stage.run("compiled blocks", once)
    return [*stage.rows, Row("network, one call", "compiled blocks, first call", "whole", *first, 0, 0)]


def vae_stage() -> list[Row]:
    """The VAE's decoder, whole and in chunks; its encoder with the mel front end."""
    vae = by_rule(MelVae(VAE_16K))
    latents = torch.randn(1, LATENTS, 20, generator=torch.Generator().manual_seed(3))
    wave = torch.rand(1, 128_000, generator=torch.Generator().manual_seed(4)) - 0.5
    decoder = Stage("VAE decoder", repeats=2)
    decoder.run("whole", lambda: vae.decode_mel(latents))
    decoder.run("chunks of 64 latents", lambda: vae.decode_mel(latents, 64))
    narrow = by_rule(MelVae(VAE_16K))
    narrow.decoder.bfloat16()
    decoder.run("bfloat16", lambda: narrow.decode_mel(latents))
    encoder = Stage("mel and VAE encoder")
    encoder.run("whole", lambda: vae.encode_mel(log_mel(wave, MEL_16K)).mean)
    return [*decoder.rows, *encoder.rows]


def vocoder_stage() -> list[Row]:
    """BigVGAN on 2 s (125 of 500 mel frames); in bfloat16 also as YAMNet hears the difference."""
    vocoder = by_rule(Vocoder(BIGVGAN_16K))
    mel = torch.randn(1, 80, LATENTS // 2, generator=torch.Generator().manual_seed(5))
    stage = Stage("BigVGAN", "2 of 8 s", 2 * LATENTS / mel.shape[-1])
    waves: list[Tensor] = []

    def sound() -> Tensor:
        waves.append(vocoder(mel))
        return waves[-1]

    stage.run("float32", sound)
    vocoder.narrow()
    stage.run("convolutions in bfloat16, snakes and sums in float32", sound)
    heard = [bundled_yamnet().listen(wave[0])[1].mean(0) for wave in waves]
    ratio = waves[0].norm() / (waves[1] - waves[0]).norm()
    alike = nn.functional.cosine_similarity(*heard, dim=0)
    print(f"BigVGAN in bfloat16: {20 * ratio.log10():.1f} dB, cosine of YAMNet's embeddings {alike:.5f}")
    rows = stage.rows
    for mode, parts in PAPER_CODECS.items():
        small, frames = saved_vocoder(f"small_vocoder_{mode}"), 8 * parts.mel.sample_rate // parts.mel.hop
        flat = torch.full((1, parts.mel.bins, frames), -2.0)
        one = Stage(f"small vocoder, {mode}", repeats=3)
        one.run("float32", lambda: small(flat))  # noqa: B023 - run at once
        rows += one.rows
    return rows


STAGES: dict[str, Callable[[], list[Row]]] = {
    "clip": clip_stage,
    "sync": sync_stage,
    "text": text_stage,
    "network": network_stage,
    "vae": vae_stage,
    "vocoder": vocoder_stage,
    "compile": compile_stage,
}


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = [name for name in STAGES if name != "compile"]
    words.add_argument("--stages", nargs="+", choices=list(STAGES), default=default)
    words.add_argument("--threads", type=int, default=None)
    words.add_argument("--output", type=Path, help="also write the rows as JSON")
    given = words.parse_args()
    rows: list[Row] = []
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    facts = {**runtime.describe_machine(), "date": time.strftime("%Y-%m-%d"), "load": load}
    print(
        f"{facts}\n\n| stage | way | ran | core s | wall s | ratio | error |\n|---|---|---|---|---|---|---|"
    )
    with runtime.threads(given.threads), torch.inference_mode():
        for name in given.stages:
            for row in STAGES[name]():
                rows.append(row)
                times = f"{row.core_seconds:.3g} | {row.wall_seconds:.3g}"
                what = f"{row.stage} | {row.way} | {row.ran}"
                print(f"| {what} | {times} | {row.ratio:.2f} | {row.error:.1e} |", flush=True)
    if given.output:
        content = json.dumps({"machine": facts, "rows": [asdict(row) for row in rows]}, indent=1)
        given.output.write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
