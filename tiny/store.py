"""Drawn scenes => feature store: what the embedded network is trained from.

    make_scene(seed) => pictures, sound, captions => motion, picture and text features, latents => StoreWriter

A shard depends on the seed and its number only, so that several processes share the work and a stopped run
goes on where it was. Knows the encoders and the codec by their protocols, not by name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import sqrt
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from soundvcm.codec import AudioCodec, importance_of
from soundvcm.data.shards import Clip, StoreWriter
from soundvcm.encoders import TextEncoder, VideoEncoder
from soundvcm.errors import OptionError
from tiny.scenes import Scene, make_scene
from tiny.scenes.captions import typed_captions
from tiny.sounds.bank import Bank

SHARD_SCENES = 128
SPLITS = {"train": "train", "val": "valid", "test": "test"}


@dataclass(frozen=True)
class FoleyParts:
    """What turns scenes into features: the codec and the three encoders of the embedded stack."""

    codec: AudioCodec
    semantic: VideoEncoder
    sync: VideoEncoder
    text: TextEncoder

    @property
    def fingerprint(self) -> dict[str, str]:
        """Names that a store made with these parts carries."""
        return {"semantic": self.semantic.name, "sync": self.sync.name, "text": self.text.name}


@dataclass(frozen=True)
class FoleyPlan:
    """How many scenes of which length.

    Attributes:
        scenes: scenes by split.
        seconds: length of each.
        seed: of the first scene; scene k of a split has a seed of its own.
        drawn_share: share of scenes whose picture features come from the picture encoder looking at the
            drawing; the others get features of the object's name, as a photograph of it would give.
        borrowed_share: share of scenes whose main sound moves and looks like another kind: a prompt means
            what it says over any picture.
        layered_share: share of scenes in which two lasting sounds go on together.
    """

    scenes: dict[str, int]
    seconds: int = 8
    seed: int = 1
    drawn_share: float = 0.35
    borrowed_share: float = 0.12
    layered_share: float = 0.06

    def shards(self) -> list[tuple[int, str, range]]:
        """(number, split, scene numbers) of every shard, in a fixed order."""
        found: list[tuple[int, str, range]] = []
        for split, count in self.scenes.items():
            for first in range(0, count, SHARD_SCENES):
                found.append((len(found), split, range(first, min(count, first + SHARD_SCENES))))
        return found


def scene_seed(plan: FoleyPlan, split: str, number: int) -> int:
    """Seed of one scene; splits never share one."""
    return plan.seed * 100_000_000 + list(SPLITS).index(split) * 10_000_000 + number


def write_shards(
    folder: Path,
    bank: Bank,
    parts: FoleyParts,
    plan: FoleyPlan,
    *,
    codec_name: str,
    part: int = 0,
    of: int = 1,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Make every `of`-th shard that is not there yet, starting at `part`; finished shards are kept.

    Raises:
        StoreError: if the folder was begun with other encoders.
    """
    writer = scene_writer(folder, parts, codec_name)
    wanted = [shard for shard in plan.shards() if shard[0] % of == part]
    done = writer.finished()
    for index, (number, split, scenes) in enumerate(wanted):
        if number not in done:
            clips = [scene_clip(scene_seed(plan, split, k), split, bank, parts, plan) for k in scenes]
            writer.write(number, clips)
        report(index + 1, len(wanted))


def scene_writer(folder: Path, parts: FoleyParts, codec_name: str) -> StoreWriter:
    """The writer of a scene store, with the rates at which its streams may be cropped."""
    rates = {"latents": parts.codec.latent_rate, "semantic": Fraction(1), "sync": parts.sync.frame_spec.rate}
    return StoreWriter(
        folder,
        fingerprint={"codec": codec_name, **parts.fingerprint},
        rates=rates,
        importance=importance_of(parts.codec),
    )


@torch.inference_mode()
def scene_clip(seed: int, split: str, bank: Bank, parts: FoleyParts, plan: FoleyPlan) -> Clip:
    """One scene as a training clip: same seed, same clip."""
    rng = np.random.default_rng((seed, 3))
    manner = str(rng.choice(sorted(bank.kinds))) if rng.random() < plan.borrowed_share else None
    style = "layers" if rng.random() < plan.layered_share else None
    scene = make_scene(seed, bank, SPLITS[split], seconds=plan.seconds, style=style, manner=manner)
    sound = scene.sound(bank, sample_rate=parts.codec.sample_rate, tone=True)
    wave = torch.from_numpy(np.asarray(sound, dtype=np.float32))
    moments = parts.codec.encode(wave[None])
    spec = parts.sync.frame_spec
    sync = parts.sync.encode(torch.from_numpy(scene.sampled(int(spec.rate), _size(parts.sync))))
    return Clip(
        f"{split}-{seed}",
        split,
        Fraction(plan.seconds),
        (*scene.captions, *typed_captions(rng, scene.captions)),
        moments.mean[0],
        moments.std[0],
        picture_features(scene, parts, plan, rng, drawn=manner is None),
        sync,
    )


def picture_features(
    scene: Scene, parts: FoleyParts, plan: FoleyPlan, rng: np.random.Generator, *, drawn: bool = True
) -> Tensor:
    """[seconds, p]: what the picture encoder says of the drawing, or what it would say of a photograph.

    A photograph's features carry no noise of their own: training adds it anew at every visit.
    """
    if rng.random() < plan.drawn_share and drawn:
        seen = parts.semantic.encode(torch.from_numpy(scene.pictures(_size(parts.semantic), 4.0)))
        index = (torch.arange(plan.seconds) * len(seen)) // plan.seconds
        return seen[index]
    return imagined_features(scene.labels, parts.text, plan.seconds, rng, sure=tells(parts.semantic), noise=0)


def tells(pictures: VideoEncoder) -> bool:
    """Whether the length of an encoder's tokens says how sure it is."""
    return getattr(pictures, "version", 0) >= 3


def _size(encoder: VideoEncoder) -> int:
    """Side of the square pictures an embedded encoder wants."""
    width = encoder.frame_spec.width
    if width is None:
        raise OptionError(f"{encoder.name} names no picture size: scenes cannot be drawn for it")
    return width


def imagined_features(
    labels: Sequence[str],
    text: TextEncoder,
    seconds: int,
    rng: np.random.Generator,
    *,
    sure: bool = False,
    noise: float = 1.0,
) -> Tensor:
    """[seconds, p] features of photographs of the named things.

    A classifier's answer is a weighted sum of the vectors of several labels, the right one among them; noise
    and slow drift stand for what changes from picture to picture.

    Args:
        labels: what is seen.
        text: the encoder whose space the features are in.
        seconds: how many.
        rng: source of chance.
        sure: features are as long as the answer is sure, not of length 1.
        noise: factor of the noise.
    """
    named = text.encode([f"a photo of a {label}" for label in labels])[:, 0]
    weights = torch.from_numpy(rng.dirichlet(np.full(len(labels), 2.0)).astype(np.float32))
    centre = torch.nn.functional.normalize(weights @ named, dim=0)
    dim = centre.shape[0]

    def drift(*shape: int) -> Tensor:
        draws: Tensor = torch.from_numpy(rng.standard_normal(shape).astype(np.float32))
        return noise * draws / sqrt(dim)

    constant, changing = rng.uniform(0.1, 0.9), rng.uniform(0.05, 0.4)
    vectors = centre + constant * drift(1, dim) + changing * drift(seconds, dim)
    features: Tensor = torch.nn.functional.normalize(vectors, dim=1)
    if not sure:
        return features
    likely = np.clip(rng.beta(2.5, 1.5) + 0.1 * rng.standard_normal((seconds, 1)), 0.1, 1.0)
    return features * torch.from_numpy(likely.astype(np.float32))
