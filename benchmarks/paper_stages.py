"""Where the time of the paper's 16 kHz system goes on this machine, and what each lever saves, in one run.

Real sizes, rule-free random weights (their values do not change the time). The encoders are timed on a few
pictures and segments and scaled to an 8 s clip (64 pictures, 24 segments); everything else is timed whole.
Each lever is compared with the plain form inside the same process, repetition by repetition in turn, so that
a busy machine disturbs both; "core s" is CPU time, which suffers least.

    python benchmarks/paper_stages.py                       # all stages, about 10 minutes on 2 cores
    python benchmarks/paper_stages.py --stages vae vocoder  # some of them
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from soundvcm import runtime
from soundvcm.codec.mel import MEL_16K, log_mel
from soundvcm.codec.paper import PaperCodec
from soundvcm.codec.vae import VAE_16K, MelVae
from soundvcm.codec.vocoder import BIGVGAN_16K, Vocoder
from soundvcm.encoders import FeatureCache
from soundvcm.encoders.clip import ClipConfig, ClipPictureEncoder, ClipTextEncoder, PictureTower, TextTower
from soundvcm.encoders.synchformer import SynchformerEncoder, SyncTower
from soundvcm.network import SIZES, VelocityNetwork
from soundvcm.records import Conditions

CLIP_PICTURES, CLIP_SEGMENTS, LATENTS = 64, 24, 250


@dataclass(frozen=True)
class Row:
    """One line of the table: a way of doing a stage, scaled to an 8 s clip."""

    stage: str
    way: str
    core_seconds: float
    wall_seconds: float
    ratio: float
    error: float


def race(ways: dict[str, Callable[[], Tensor]], repeats: int) -> dict[str, tuple[float, float, float]]:
    """Run all ways in turn; for each the least CPU and wall time, and the error against the first."""
    best: dict[str, tuple[float, float]] = {}
    results = {name: way() for name, way in ways.items()}  # also the warm-up
    for _ in range(repeats):
        for name, way in ways.items():
            core, wall = time.process_time(), time.perf_counter()
            way()
            spent = (time.process_time() - core, time.perf_counter() - wall)
            old = best.get(name, spent)
            best[name] = (min(old[0], spent[0]), min(old[1], spent[1]))
    plain = next(iter(results.values())).float()
    errors = {name: ((value.float() - plain).norm() / plain.norm()).item() for name, value in results.items()}
    return {name: (*best[name], errors[name]) for name in ways}


def rows_of(stage: str, ways: dict[str, Callable[[], Tensor]], repeats: int, scale: float = 1) -> list[Row]:
    """The rows of a stage; ratio = CPU time of the first way over this one's."""
    raced = race(ways, repeats)
    plain = next(iter(raced.values()))[0]
    return [
        Row(stage, way, core * scale, wall * scale, plain / core if core else float("inf"), error)
        for way, (core, wall, error) in raced.items()
    ]


def randomly(module: nn.Module) -> nn.Module:
    """Weights of the size that keeps activations of order one."""
    generator = torch.Generator().manual_seed(0)
    for value in module.parameters():
        fan_in = value[0].numel() if value.ndim > 1 else 400
        value.data.normal_(generator=generator).mul_(fan_in**-0.5)
        if value.ndim == 1:
            value.data.mul_(0.5)
    return module.eval().requires_grad_(False)


def pictures(count: int, side: int) -> Tensor:
    """Noise pictures uint8 [count, side, side, 3]."""
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (count, side, side, 3), generator=generator, dtype=torch.uint8)


def clip_stage(repeats: int) -> list[Row]:
    """CLIP's pictures: two timed; bfloat16 weights, exact repeats, the cache."""
    config = ClipConfig()
    tower = randomly(PictureTower(config))
    frames = pictures(2, config.picture)
    plain = ClipPictureEncoder(tower, config, batch=2)  # type: ignore[arg-type]
    cache = FeatureCache()
    still = frames[:1].expand(2, -1, -1, -1)
    ways = {
        "float32": lambda: plain.encode(frames),
        "second take, from the cache": lambda: cache.get(plain, frames),
    }
    rows = rows_of("CLIP pictures", ways, repeats, CLIP_PICTURES / 2)
    rows += rows_of(
        "CLIP pictures, still shot",
        {
            "every picture": lambda: torch.cat([plain.encode(still[:1])] * 2),
            "repeats once": lambda: plain.encode(still),
        },
        repeats,
        CLIP_PICTURES / 2,
    )
    expected, plain_core = plain.encode(frames), rows[0].core_seconds
    half = ClipPictureEncoder(tower.bfloat16(), config, batch=2)  # type: ignore[arg-type]
    (row,) = rows_of(
        "CLIP pictures", {"bfloat16 weights": lambda: half.encode(frames)}, repeats, CLIP_PICTURES / 2
    )
    error = ((half.encode(frames) - expected).norm() / expected.norm()).item()
    return [
        *rows,
        Row(row.stage, row.way, row.core_seconds, row.wall_seconds, plain_core / row.core_seconds, error),
    ]


def sync_stage(repeats: int) -> list[Row]:
    """Synchformer: two segments timed; bfloat16 weights."""
    tower = randomly(SyncTower())
    frames = pictures(24, 224)
    plain = SynchformerEncoder(tower, batch=2)  # type: ignore[arg-type]
    rows = rows_of("Synchformer", {"float32": lambda: plain.encode(frames)}, repeats, CLIP_SEGMENTS / 2)
    expected = plain.encode(frames)
    half = SynchformerEncoder(tower.bfloat16(), batch=2)  # type: ignore[arg-type]
    (row,) = rows_of(
        "Synchformer", {"bfloat16 weights": lambda: half.encode(frames)}, repeats, CLIP_SEGMENTS / 2
    )
    error = ((half.encode(frames) - expected).norm() / expected.norm()).item()
    ratio = rows[0].core_seconds / row.core_seconds
    return [*rows, Row(row.stage, row.way, row.core_seconds, row.wall_seconds, ratio, error)]


def text_stage(repeats: int) -> list[Row]:
    """CLIP's text tower, one prompt."""
    encoder = ClipTextEncoder(randomly(TextTower(ClipConfig())))  # type: ignore[arg-type]
    return rows_of("CLIP text", {"float32": lambda: encoder.encode(["rain on a tin roof"])}, repeats)


def network_stage(repeats: int) -> list[Row]:
    """The 157 M network: one call with conditions encoded before, or encoded again in each call; bfloat16."""
    config = SIZES["small_16k"].change({"second_time": "offset", "mirrored": False})
    network = randomly(VelocityNetwork(config))
    generator = torch.Generator().manual_seed(2)
    conditions = Conditions.of(
        semantic=torch.randn(1, 64, 1024, generator=generator),
        sync=torch.randn(1, 192, 768, generator=generator),
        text=torch.randn(1, 77, 1024, generator=generator),
    )
    noisy, one = torch.randn(1, LATENTS, 20, generator=generator), torch.ones(1)

    def once(kind: torch.dtype) -> Callable[[], Tensor]:
        given = network.given(conditions.to(torch.device("cpu"), kind), LATENTS)  # type: ignore[operator]
        return lambda: given(noisy.to(kind), one, 0 * one)

    ways = {
        "conditions encoded in each call": lambda: network(noisy, one, 0 * one, conditions),
        "conditions encoded once": once(torch.float32),
    }
    rows = rows_of("network, one call", ways, repeats)
    expected = ways["conditions encoded once"]()
    network.bfloat16()
    (row,) = rows_of("network, one call", {"once, bfloat16": once(torch.bfloat16)}, repeats)
    error = ((once(torch.bfloat16)().float() - expected).norm() / expected.norm()).item()
    ratio = rows[0].core_seconds / row.core_seconds
    return [*rows, Row(row.stage, row.way, row.core_seconds, row.wall_seconds, ratio, error)]


def vae_stage(repeats: int) -> list[Row]:
    """The VAE's decoder, whole and in chunks; its encoder with the mel front end."""
    vae = randomly(MelVae(VAE_16K))
    vae.data_std.fill_(1)  # type: ignore[union-attr, operator]
    latents = torch.randn(1, LATENTS, 20, generator=torch.Generator().manual_seed(3))
    wave = torch.rand(1, 128_000, generator=torch.Generator().manual_seed(4)) - 0.5
    ways = {"whole": lambda: vae.decode_mel(latents), "chunks of 64": lambda: vae.decode_mel(latents, 64)}  # type: ignore[operator]
    rows = rows_of("VAE decoder", ways, repeats)
    encode = {"whole": lambda: vae.encode_mel(log_mel(wave, MEL_16K)).mean}  # type: ignore[operator]
    return [*rows, *rows_of("mel and VAE encoder", encode, repeats)]


def vocoder_stage(repeats: int) -> list[Row]:
    """BigVGAN, whole and in chunks."""
    vocoder = randomly(Vocoder(BIGVGAN_16K))
    vae = MelVae(VAE_16K.change({"width": 8}))
    mel = torch.randn(1, 80, 2 * LATENTS, generator=torch.Generator().manual_seed(5))
    chunked = PaperCodec(MEL_16K, vae, vocoder, chunk=64)  # type: ignore[arg-type]
    ways = {"whole": lambda: vocoder(mel), "chunks of 2 s": lambda: chunked.mel_to_wave(mel)}
    return rows_of("BigVGAN", ways, repeats)


STAGES: dict[str, Callable[[int], list[Row]]] = {
    "clip": clip_stage,
    "sync": sync_stage,
    "text": text_stage,
    "network": network_stage,
    "vae": vae_stage,
    "vocoder": vocoder_stage,
}


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--stages", nargs="+", choices=sorted(STAGES), default=list(STAGES))
    words.add_argument("--repeats", type=int, default=3)
    words.add_argument("--threads", type=int, default=None)
    words.add_argument("--output", type=Path, help="also write the rows as JSON")
    given = words.parse_args()
    rows: list[Row] = []
    print(f"{runtime.describe_machine()}\n")
    print("| stage | way | core s | wall s | ratio | error |\n|---|---|---|---|---|---|")
    with runtime.threads(given.threads), torch.inference_mode():
        for name in given.stages:
            for row in STAGES[name](given.repeats):
                rows.append(row)
                times = f"{row.core_seconds:.3g} | {row.wall_seconds:.3g}"
                print(
                    f"| {row.stage} | {row.way} | {times} | {row.ratio:.2f} | {row.error:.1e} |", flush=True
                )
    if given.output:
        facts = {"machine": runtime.describe_machine(), "rows": [asdict(row) for row in rows]}
        given.output.write_text(json.dumps(facts, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
