"""Scores of the embedded model on drawn scenes, whose events are known exactly.

Right moment: onset F1 within 50 ms against the drawn events, with the scene's own sound through the codec as
ceiling and shuffled pairs as floor. Right kind: nearest kind among the bank's training sounds in YAMNet's
space, against what real test sounds reach. Right manner: Frechet distance of YAMNet embeddings. Knows scenes,
the bank and the listener, not how the sounds were made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from soundvcm.data.bank import Bank
from soundvcm.data.scenes import Scene, make_scene
from soundvcm.evaluation.onsets import match_onsets, onsets
from soundvcm.evaluation.yamnet import bundled_yamnet

TEST_SEEDS = 70_000_000
SAMPLE_RATE = 16_000
MERGE_SECONDS = 0.05


@dataclass(frozen=True)
class SceneSet:
    """Scenes of the test split with their own sound.

    Attributes:
        scenes: drawn with the test split's sounds, seeds and backgrounds.
        waves: [k, samples] their sound.
    """

    scenes: tuple[Scene, ...]
    waves: Tensor

    @property
    def with_events(self) -> list[int]:
        """Scenes that consist of events alone: what the onset score is about."""
        return [k for k, scene in enumerate(self.scenes) if scene.style == "event" and len(scene.events) >= 2]

    @property
    def of_one_kind(self) -> list[int]:
        """Scenes with one kind of sound: what the score of kinds is about."""
        return [k for k, scene in enumerate(self.scenes) if len(scene.kinds) == 1]


def scene_set(bank: Bank, count: int, *, seconds: float = 8.0, first: int = TEST_SEEDS) -> SceneSet:
    """`count` scenes of the test split, the same ones every time."""
    scenes = tuple(make_scene(first + k, bank, "test", seconds=seconds) for k in range(count))
    waves = torch.stack([torch.from_numpy(np.asarray(scene.sound(bank))) for scene in scenes])
    return SceneSet(scenes, waves)


def event_times(scene: Scene) -> NDArray[np.float64]:
    """Times (s) of the drawn events; those closer than 50 ms are heard as one."""
    times: list[float] = []
    for event in scene.events:
        if not times or event.time - times[-1] > MERGE_SECONDS:
            times.append(float(event.time))
    return np.asarray(times)


def onset_score(scenes: Sequence[Scene], waves: Tensor) -> dict[str, float]:
    """Precision, recall and F1 (means over the scenes) and mean signed offset (ms) of the matched onsets."""
    rows, offsets = [], []
    for scene, wave in zip(scenes, waves, strict=True):
        found = match_onsets(event_times(scene), onsets(wave.numpy(), SAMPLE_RATE))
        rows.append((found.precision, found.recall, found.f1))
        offsets += list(found.offsets)
    precision, recall, f1 = np.mean(rows, axis=0)
    offset = 1000 * float(np.mean(offsets)) if offsets else float("nan")
    return {"precision": float(precision), "recall": float(recall), "f1": float(f1), "offset_ms": offset}


def embedding(wave: Tensor) -> Tensor:
    """[1024] YAMNet embedding of what sounds in a wave [s]: patches weighted by their energy."""
    listener = bundled_yamnet()
    patches = listener.patches(wave)
    energy = patches.exp().mean(dim=(1, 2))
    weights = energy / energy.sum().clamp_min(1e-12)
    return (listener.embeddings(wave) * weights[:, None]).sum(dim=0)


class KindListener:
    """Names the kind of a sound: nearest mean of the bank's training sounds in YAMNet's space."""

    def __init__(self, bank: Bank, per_kind: int = 12) -> None:
        self.kinds = sorted(bank.kinds)
        rows = []
        for kind in self.kinds:
            clips = bank.clips(kind, "train")[:per_kind]
            rows.append(torch.stack([embedding(torch.from_numpy(clip.wave)) for clip in clips]).mean(dim=0))
        table = torch.stack(rows)
        self.centre = table.mean(dim=0)
        self.table = torch.nn.functional.normalize(table - self.centre, dim=1)

    def name(self, wave: Tensor, best: int = 1) -> list[str]:
        """The nearest kinds of a wave [s], nearest first."""
        direction = torch.nn.functional.normalize(embedding(wave) - self.centre, dim=0)
        return [self.kinds[int(k)] for k in (self.table @ direction).topk(best).indices]

    def accuracy(self, scenes: Sequence[Scene], waves: Tensor, best: int = 1) -> float:
        """Share of waves whose kind is the scene's."""
        right = [scene.kinds[0] in self.name(wave, best) for scene, wave in zip(scenes, waves, strict=True)]
        return float(np.mean(right))


def embeddings(waves: Tensor) -> Tensor:
    """[patches, 1024] of all waves [k, s], for Frechet distances."""
    return torch.cat([bundled_yamnet().embeddings(wave) for wave in waves])
