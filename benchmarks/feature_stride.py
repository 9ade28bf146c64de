"""What `feature_stride` changes, on the analogue that is here: real pictures and `tiny`'s trained networks.

    python benchmarks/feature_stride.py CLIP ... [--seconds 8] [--strides 2 4]

The public CLIP is not here, so EfficientNet stands for it. For each clip its features 8 times a second are
compared (cosine) with those of one picture in N, the others made of their neighbours as `ClipPictureEncoder`
makes them. Then `tiny` sounds the same seeds with its tokens (one a second) treated in the same way: YAMNet's
class scores (cosine, and whether the first class is the same) against those of the plain take; two seeds of
the plain take say how much a score moves by itself.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from statistics import mean

import torch
import torch.nn.functional as F
from torch import Tensor

from soundvcm import media
from soundvcm.encoders.base import between, channels_first
from soundvcm.encoders.images import EVERY, TOP, ImageEncoder
from soundvcm.evaluation.networks.yamnet import bundled_yamnet
from soundvcm.generate.pipeline import Pipeline
from soundvcm.systems.loading import load

SEEDS = (1, 2, 3)


def features(encoder: ImageEncoder, frames: Tensor) -> Tensor:
    """[f, dim]: each picture's meaning, as `ImageEncoder.encode` makes it of one in eight."""
    parts = [encoder.network(channels_first(part)).softmax(1) for part in torch.split(frames, 4)]
    chance, label = torch.cat(parts).topk(TOP, dim=1)
    return F.normalize((chance[..., None] * encoder.meanings[label]).sum(1), dim=1)


def thinned(tokens: Tensor, frames: Tensor, stride: int) -> Tensor:
    """Tokens [f, d] of one picture in `stride`, the others between them."""
    kept, before, after, share = between(frames, stride)
    some = tokens[kept]
    return F.normalize(torch.lerp(some[before], some[after], share[:, None]), dim=-1)


def scores(pipeline: Pipeline, clip: Path, seconds: Fraction, semantic: Tensor | None, seed: int) -> Tensor:
    """YAMNet's classes [521] of a take, with other tokens of what is seen if they are given."""
    known = pipeline.encode_clip(clip, duration=seconds)
    sound = pipeline.take(known if semantic is None else replace(known, semantic=semantic), seed=seed)
    return bundled_yamnet().scores(torch.from_numpy(sound.wave[0])).mean(0)


@torch.inference_mode()
def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("clips", nargs="+", type=Path)
    words.add_argument("--seconds", type=Fraction, default=Fraction(8))
    words.add_argument("--strides", type=int, nargs="+", default=[2, 4])
    given = words.parse_args()
    encoder, pipeline = ImageEncoder(), load("tiny", device="cpu")
    every = {"pictures": replace(encoder.frame_spec, every=1)}
    cosines: dict[int, list[float]] = {stride: [] for stride in given.strides}
    changed: dict[object, list[tuple[float, bool]]] = {stride: [] for stride in (*given.strides, "seed")}
    for clip in given.clips:
        decoded = media.read_frames(clip, every, seconds=given.seconds, beyond="shorten")
        frames, seconds = decoded.frames["pictures"], decoded.seconds
        tokens = features(encoder, frames)
        line = []
        plain = [scores(pipeline, clip, seconds, None, seed) for seed in SEEDS]
        for stride in given.strides:
            alike = F.cosine_similarity(tokens, thinned(tokens, frames, stride))
            cosines[stride] += alike.tolist()
            line.append(f"{alike.mean():.3f} (least {alike.min():.3f})")
            seldom = thinned(tokens[::EVERY], frames[::EVERY], stride)
            for seed, known in zip(SEEDS, plain, strict=True):
                changed[stride].append(_pair(known, scores(pipeline, clip, seconds, seldom, seed)))
        changed["seed"] += [_pair(plain[k], plain[k - 1]) for k in range(len(SEEDS))]
        print(f"{clip.name} ({len(frames)} pictures): cosine {', '.join(line)}", flush=True)
    for stride, values in cosines.items():
        low = sorted(values)[len(values) // 20]
        print(f"one picture in {stride}: mean cosine {mean(values):.4f}, 5 % below {low:.3f}")
    for what, pairs in changed.items():
        alike, same = mean(cosine for cosine, _ in pairs), mean(first for _, first in pairs)
        print(f"takes, {what}: cosine of class scores {alike:.4f}, same first class {same:.2f}")


def _pair(one: Tensor, other: Tensor) -> tuple[float, bool]:
    return float(F.cosine_similarity(one, other, dim=0)), bool(one.argmax() == other.argmax())


if __name__ == "__main__":
    main()
