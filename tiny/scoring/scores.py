"""Scores of the embedded model on drawn scenes, whose events are known exactly.

Right moment: onset F1 within 50 ms against the drawn events, with the scene's own sound through the codec as
ceiling and shuffled pairs as floor. Right kind: nearest kind among the bank's training sounds in YAMNet's
space, against what real test sounds reach. Right manner: Frechet distance of YAMNet embeddings. Knows scenes,
the bank and the classifier, not how the sounds were made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from soundvcm.evaluation.metrics import (
    SPLITS,
    detect_onsets,
    frechet_distance,
    inception_score,
    label_divergence,
    match_onsets,
)
from soundvcm.evaluation.networks import bundled_yamnet
from tiny.scenes import Scene, make_scene
from tiny.sounds.bank import Bank

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


def scene_set(
    bank: Bank, count: int, *, seconds: float = 8.0, first: int = TEST_SEEDS, tone: bool = False
) -> SceneSet:
    """`count` scenes of the test split, the same ones every time; `tone` adds the noise of rooms."""
    scenes = tuple(make_scene(first + k, bank, "test", seconds=seconds) for k in range(count))
    sounds = [scene.sound(bank, sample_rate=SAMPLE_RATE, tone=tone) for scene in scenes]
    return SceneSet(scenes, torch.stack([torch.from_numpy(np.asarray(sound)) for sound in sounds]))


def event_times(scene: Scene) -> NDArray[np.float64]:
    """Times (s) of the drawn events; those closer than 50 ms count as one."""
    times: list[float] = []
    for event in scene.events:
        if not times or event.time - times[-1] > MERGE_SECONDS:
            times.append(float(event.time))
    return np.asarray(times)


def onset_score(scenes: Sequence[Scene], waves: Tensor) -> dict[str, float]:
    """Precision, recall and F1 (means over the scenes) and mean signed offset (ms) of the matched onsets."""
    rows, offsets = [], []
    for scene, wave in zip(scenes, waves, strict=True):
        found = match_onsets(event_times(scene), detect_onsets(wave.numpy(), SAMPLE_RATE))
        rows.append((found.precision, found.recall, found.f1))
        offsets += list(found.offsets)
    precision, recall, f1 = np.mean(rows, axis=0)
    offset = 1000 * float(np.mean(offsets)) if offsets else float("nan")
    return {"precision": float(precision), "recall": float(recall), "f1": float(f1), "offset_ms": offset}


@dataclass(frozen=True)
class YamnetFeatures:
    """What YAMNet made of some waves.

    Attributes:
        patches: [p, 1024] embeddings of all their patches, for Frechet distances.
        whole: [k, 1024] one embedding a wave: its patches weighted by their energy.
        labels: [k, 521] chances of a wave's classes, mean over its patches, for the divergence of labels.
        logits: [k, 521] class logits of a wave, mean over its patches, for the inception score.
    """

    patches: Tensor
    whole: Tensor
    labels: Tensor
    logits: Tensor

    def rows(self, index: Sequence[int]) -> Tensor:
        """[len(index), 1024] embeddings of some of the waves."""
        return self.whole[list(index)]


def yamnet_features(waves: Sequence[Tensor] | Tensor) -> YamnetFeatures:
    """Each wave [s] at 16 kHz through YAMNet once."""
    network = bundled_yamnet()
    patches, whole, labels, logits = [], [], [], []
    for wave in waves:
        scores, seen = network.listen(wave)
        energy = network.patches(wave).exp().mean(dim=(1, 2))
        patches.append(seen)
        labels.append(scores.mean(dim=0))
        logits.append(F.linear(seen.mean(dim=0), *network.head))
        whole.append((seen * (energy / energy.sum().clamp_min(1e-12))[:, None]).sum(dim=0))
    return YamnetFeatures(torch.cat(patches), *map(torch.stack, (whole, labels, logits)))


class KindClassifier:
    """Names the kind of a sound: nearest mean of the bank's training sounds in YAMNet's space."""

    def __init__(self, bank: Bank, per_kind: int = 12) -> None:
        self.kinds = sorted(bank.kinds)
        clips = [
            [torch.from_numpy(clip.wave.copy()) for clip in bank.clips(k, "train")[:per_kind]]
            for k in self.kinds
        ]
        table = torch.stack([yamnet_features(waves).whole.mean(dim=0) for waves in clips])
        self.centre = table.mean(dim=0)
        self.table = F.normalize(table - self.centre, dim=1)

    def names(self, whole: Tensor, best: int = 1) -> list[list[str]]:
        """The nearest kinds of each embedding [k, 1024], nearest first."""
        directions = F.normalize(whole - self.centre, dim=1)
        nearest = (directions @ self.table.T).topk(best, dim=1).indices
        return [[self.kinds[int(k)] for k in row] for row in nearest]

    def accuracy(self, scenes: Sequence[Scene], whole: Tensor, best: int = 1) -> float:
        """Share of embeddings [k, 1024] whose kind is the scene's."""
        named = self.names(whole, best)
        return float(np.mean([scene.kinds[0] in names for scene, names in zip(scenes, named, strict=True)]))


def scene_scores(
    scenes: SceneSet, waves: Tensor, classifier: KindClassifier, real: YamnetFeatures
) -> dict[str, float]:
    """All scores of one set of waves [k, samples] made for the scenes, against their own sound.

    Returns:
        precision, recall, f1, offset_ms and f1_shuffled (each sound with the next scene's picture) over the
        scenes of events; kind and kind_top3 over those of one kind; fd, js (labels
        that differ, bits) over all, and `is` from 10 scenes on. Counts of scenes: n_events, n_kinds, n.
    """
    row: dict[str, float] = {"n": len(waves)}
    events, kinds = scenes.with_events, scenes.of_one_kind
    row |= {"n_events": len(events), "n_kinds": len(kinds)}
    if events:
        chosen = [scenes.scenes[k] for k in events]
        row |= onset_score(chosen, waves[events])
        row["f1_shuffled"] = onset_score(chosen, waves[events[1:] + events[:1]])["f1"]
    found = yamnet_features(waves)
    if kinds:
        chosen = [scenes.scenes[k] for k in kinds]
        row["kind"] = classifier.accuracy(chosen, found.rows(kinds))
        row["kind_top3"] = classifier.accuracy(chosen, found.rows(kinds), best=3)
    row["fd"] = frechet_distance(real.patches, found.patches)
    row["js"] = label_divergence(real.labels, found.labels)
    if len(waves) >= SPLITS:
        row["is"] = inception_score(found.logits).mean
    return row
