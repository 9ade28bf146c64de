"""Scenes become a feature store: whole shards by several processes, same bytes whoever makes them."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from scene_bank import FakeBank
from standins import GreyMotion, LetterWords, random_codec

from soundvcm.data.store import FeatureStore
from soundvcm.records import FrameSpec
from tiny.scenes import make_scene
from tiny.sounds.bank import Bank
from tiny.store import (
    FoleyParts,
    FoleyPlan,
    imagined_features,
    picture_features,
    scene_clip,
    scene_seed,
    scene_writer,
    write_shards,
)


class MeanPictures:
    """Pictures stand-in: mean colour, a token a picture."""

    name, dim = "mean-1", 6
    frame_spec = FrameSpec(Fraction(8), 32, 32)

    def encode(self, frames: torch.Tensor) -> torch.Tensor:
        """[f, 32, 32, 3] -> [f, 6]."""
        return (frames.float().mean(dim=(1, 2)) / 255).repeat(1, 2)


@pytest.fixture(scope="module")
def bank() -> Bank:
    return FakeBank()  # type: ignore[return-value]


@pytest.fixture(scope="module")
def parts() -> FoleyParts:
    return FoleyParts(random_codec(), MeanPictures(), GreyMotion(), LetterWords())


PLAN = FoleyPlan({"train": 3, "val": 2}, seconds=2)


def test_a_scene_is_a_clip(bank: Bank, parts: FoleyParts) -> None:
    clip = scene_clip(scene_seed(PLAN, "train", 0), "train", bank, parts, PLAN)
    again = scene_clip(scene_seed(PLAN, "train", 0), "train", bank, parts, PLAN)
    assert clip.mean.shape == (63, 4) and clip.sync is not None and clip.sync.shape == (50, 4)
    assert clip.semantic is not None and clip.semantic.shape == (2, 6)
    assert torch.equal(clip.mean, again.mean) and torch.equal(clip.semantic, again.semantic)
    assert len(clip.captions) >= 3 and clip.seconds == 2


def test_splits_share_no_seed() -> None:
    seeds = {scene_seed(PLAN, split, k) for split in ("train", "val", "test") for k in range(1000)}
    assert len(seeds) == 3000


def test_shards_cover_every_scene_once() -> None:
    plan = FoleyPlan({"train": 300, "val": 5})
    shards = plan.shards()
    assert [number for number, _, _ in shards] == list(range(len(shards)))
    rows = [(split, k) for _, split, scenes in shards for k in scenes]
    assert len(rows) == len(set(rows)) == 305


def test_two_processes_make_what_one_makes_and_nothing_twice(
    tmp_path: Path, bank: Bank, parts: FoleyParts
) -> None:
    for part in (0, 1):
        write_shards(tmp_path / "two", bank, parts, PLAN, codec_name="c", part=part, of=2)
    write_shards(tmp_path / "one", bank, parts, PLAN, codec_name="c")
    before = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "one" / "shards").iterdir()}
    write_shards(tmp_path / "one", bank, parts, PLAN, codec_name="c")
    assert before == {p.name: p.stat().st_mtime_ns for p in (tmp_path / "one" / "shards").iterdir()}
    for path in (tmp_path / "one" / "shards").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / "shards" / path.name).read_bytes()
    manifest = scene_writer(tmp_path / "one", parts, "c").finish(parts.text.encode)
    assert manifest["splits"] == {"train": 3, "val": 2}
    store = FeatureStore(tmp_path / "one")
    assert store.rates["sync"] == 25 and store.fingerprint["codec"] == "c" and len(store) == 5


def test_imagined_features_lie_near_the_name(parts: FoleyParts) -> None:
    rng = np.random.default_rng(0)
    rows = torch.stack([imagined_features(["aeio"], parts.text, 4, rng) for _ in range(50)])
    named = torch.nn.functional.normalize(parts.text.encode(["a photo of a aeio"])[0, 0], dim=0)
    assert torch.allclose(rows.norm(dim=-1), torch.ones(50, 4), atol=1e-5)
    near = (rows @ named).mean()
    assert 0.7 < float(near) < 0.999
    # Between pictures of one clip less changes than between clips.
    assert float(rows.std(dim=1).mean()) < float(rows.mean(dim=1).std(dim=0).mean())


def test_some_pictures_are_looked_at(bank: Bank, parts: FoleyParts) -> None:
    scene = make_scene(3, bank, "train", seconds=2.0)
    looked = picture_features(scene, parts, FoleyPlan({}, 2, drawn_share=1.0), np.random.default_rng(0))
    named = picture_features(scene, parts, FoleyPlan({}, 2, drawn_share=0.0), np.random.default_rng(0))
    assert looked.shape == named.shape == (2, 6)
    assert float(looked.min()) >= 0 and not torch.allclose(looked.norm(dim=1), torch.ones(2))


def test_extracted_clips_mix_with_the_drawn_scenes(tmp_path: Path) -> None:
    """What is extracted with `tiny` has the rates and encoders of the store that it was trained on."""
    from soundvcm.cli.commands import extract
    from tiny.drawing import parts_of

    parts, scenes = extract.parts_of("tiny", "cpu"), parts_of(None)
    assert parts.codec_name == extract.codec_name() and parts.timeline.sync_tokens == 25
    assert parts.writer(tmp_path).plan == scene_writer(tmp_path, scenes, extract.codec_name()).plan
