"""Scores on drawn scenes: the scenes' own sound scores high, another scene's low, kinds are told apart."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scene_bank import FakeBank

from soundvcm.encoders import ImageEncoder, MotionEncoder, TextEmbedder
from soundvcm.errors import OptionError
from tiny.scoring.features import scene_features
from tiny.scoring.scores import (
    KindClassifier,
    SceneSet,
    event_times,
    onset_score,
    scene_scores,
    scene_set,
    yamnet_features,
)


@pytest.fixture(scope="module")
def scenes() -> SceneSet:
    return scene_set(FakeBank(), 16, seconds=4.0)  # type: ignore[arg-type]


def test_same_scenes_every_time(scenes: SceneSet) -> None:
    again = scene_set(FakeBank(), 2, seconds=4.0)  # type: ignore[arg-type]
    assert torch.equal(again.waves, scenes.waves[:2]) and scenes.waves.shape == (16, 64_000)
    assert all(scene.split == "test" for scene in scenes.scenes)


def test_own_sound_is_on_time_and_anothers_is_not(scenes: SceneSet) -> None:
    events = scenes.with_events
    assert len(events) >= 3
    own = onset_score([scenes.scenes[k] for k in events], scenes.waves[events])
    other = onset_score([scenes.scenes[k] for k in events], scenes.waves[events[1:] + events[:1]])
    assert own["f1"] > 0.6 and own["f1"] > other["f1"] + 0.2 and abs(own["offset_ms"]) < 25
    silent = onset_score([scenes.scenes[events[0]]], torch.zeros(1, 64_000))
    assert silent["f1"] == 0 and np.isnan(silent["offset_ms"])


def test_events_closer_than_the_tolerance_are_one(scenes: SceneSet) -> None:
    for scene in scenes.scenes:
        times = event_times(scene)
        assert bool((np.diff(times) > 0.05).all()) and len(times) <= len(scene.events)


def test_kinds_are_named(scenes: SceneSet) -> None:
    bank = FakeBank()
    classifier = KindClassifier(bank)  # type: ignore[arg-type]
    for kind in ("hammer", "rain"):
        whole = yamnet_features(
            [torch.from_numpy(clip.wave.copy()) for clip in bank.clips(kind, "train")]
        ).whole
        assert [names[0] for names in classifier.names(whole)] == [kind, kind]
        assert len(classifier.names(whole, best=3)[0]) == 3
    one = scenes.of_one_kind
    found = yamnet_features(scenes.waves)
    chosen = [scenes.scenes[k] for k in one]
    assert (
        0.0 <= classifier.accuracy(chosen, found.rows(one)) <= classifier.accuracy(chosen, found.rows(one), 3)
    )
    assert found.whole.shape == (16, 1024) and found.patches.shape[1] == 1024


def test_all_scores_of_one_set(scenes: SceneSet) -> None:
    classifier = KindClassifier(FakeBank())  # type: ignore[arg-type]
    real = yamnet_features(scenes.waves)
    own = scene_scores(scenes, scenes.waves, classifier, real)
    assert own["fd"] < 1e-6 and own["js"] < 1e-9 and own["is"] >= 1
    assert own["n"] == 16 and own["n_events"] == len(scenes.with_events)
    assert own["f1"] > own["f1_shuffled"] + 0.2
    noise = torch.randn(scenes.waves.shape, generator=torch.Generator().manual_seed(0)) * 0.05
    other = scene_scores(scenes, noise, classifier, real)
    assert other["fd"] > 50 and other["js"] > 0.5 and other["kind"] < 0.5 and other["f1"] < own["f1"] - 0.3


def test_features_of_scenes_and_what_is_told(scenes: SceneSet) -> None:
    few = SceneSet(scenes.scenes[:2], scenes.waves[:2])
    encoders = SimpleNamespace(semantic=ImageEncoder(), sync=MotionEncoder(), text=TextEmbedder())
    features = scene_features(encoders, few)
    assert features.motion.shape == (2, 100, encoders.sync.dim)
    assert features.named.shape == features.drawn.shape == (2, 4, encoders.semantic.dim)  # type: ignore[union-attr]
    assert features.text.shape == (2, 1, encoders.text.dim)
    drawn, label, all_, text, motion = (
        features.conditions(told) for told in ("drawing", "label", "all", "text", "motion")
    )
    assert torch.equal(drawn.semantic, features.drawn) and torch.equal(label.semantic, features.named)
    flags = [(bool(c.has_semantic.all()), bool(c.has_text.all())) for c in (drawn, label, all_, text, motion)]
    assert flags == [(True, False), (True, False), (True, True), (False, True), (False, False)]
    assert all(bool(c.has_sync.all()) for c in (drawn, label, all_, text, motion))
    assert scene_features(encoders, few, drawings=False).drawn is None
    with pytest.raises(OptionError, match="drawings=True"):
        scene_features(encoders, few, drawings=False).conditions("drawing")
    with pytest.raises(OptionError, match="one of text, label"):
        features.conditions("smell")  # type: ignore[arg-type]
