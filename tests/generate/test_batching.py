"""Takes made as one batch are what each would be alone, and what goes wrong with one stays with it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from standins import random_pipeline, write_clip

from soundvcm.errors import NonFiniteError, OptionError
from soundvcm.generate.audio import Audio
from soundvcm.generate.batching import BatchItem, batch_key, generate_batch
from soundvcm.generate.clip_encoder import ClipFeatures
from soundvcm.generate.options import GenerateOptions, Sampling
from soundvcm.generate.pipeline import Pipeline
from soundvcm.systems.loading import load

# Sums over more rows are rounded in another order: docs/serving.md tells the same number.
TOLERANCE = 1e-4  # of the largest sample of a take


def alone(pipeline: Pipeline, one: BatchItem) -> Audio:
    return pipeline.take(one.features, one.options, seed=one.seed)


def apart(one: Audio, other: Audio) -> float:
    """Largest difference of two takes, by the larger peak."""
    assert one.wave.shape == other.wave.shape
    return float(np.abs(one.wave - other.wave).max()) / max(one.peak, other.peak, 1e-3)


def several(pipeline: Pipeline, folder: Path, seconds: Any = 2) -> list[BatchItem]:
    """Pictures and words, pictures alone, words alone, pictures ignored: four seeds."""
    seen = pipeline.encode_clip(write_clip(folder / "clip.mp4", 50), duration=seconds)
    unseen = pipeline.encode_clip(None, duration=seconds)
    return [
        BatchItem(seen, GenerateOptions(prompt="rain"), 7),
        BatchItem(seen, GenerateOptions(), 11),
        BatchItem(unseen, GenerateOptions(prompt="a dog barks"), 13),
        BatchItem(seen, GenerateOptions(prompt="sea", ignore_pictures=True), 7),
    ]


def counted(pipeline: Pipeline) -> list[int]:
    """Rows of each call of the network."""
    rows: list[int] = []
    pipeline.network.register_forward_pre_hook(lambda _, given: rows.append(len(given[0])))
    return rows


def test_a_batch_is_what_each_would_be_alone(tmp_path: Path) -> None:
    pipeline = random_pipeline()
    wanted = several(pipeline, tmp_path)
    rows = counted(pipeline)
    sounds = generate_batch(pipeline, wanted)
    assert rows == [4], "one network call for all"
    for one, sound in zip(wanted, sounds, strict=True):
        assert isinstance(sound, Audio)
        other = alone(pipeline, one)
        assert apart(sound, other) < TOLERANCE
        for name in ("sample_rate", "seed", "seconds", "settings", "warnings", "calls"):
            assert getattr(sound, name) == getattr(other, name), name
        assert set(other.timings) <= set(sound.timings)
    assert apart(sounds[0], sounds[1]) > 0.01 < apart(sounds[0], sounds[3])  # type: ignore[arg-type]


def test_guidance_from_outside_with_unwanted_words(tmp_path: Path) -> None:
    flow = Sampling("flow", steps=2, guidance=3.0, negative_prompt=True)
    pipeline = random_pipeline(sampling=flow)
    seen = pipeline.encode_clip(write_clip(tmp_path / "clip.mp4", 50))
    wanted = [
        BatchItem(seen, GenerateOptions(prompt=words, negative_prompt="wind"), seed)
        for seed, words in enumerate(("rain", ""))
    ]
    rows = counted(pipeline)
    sounds = generate_batch(pipeline, wanted)
    assert rows == [4, 4]  # two rows and their unconditional sides, two steps
    for one, sound in zip(wanted, sounds, strict=True):
        assert apart(sound, alone(pipeline, one)) < TOLERANCE  # type: ignore[arg-type]


@pytest.mark.timeout(600)
def test_the_shipped_system(tmp_path: Path) -> None:
    pipeline = load("tiny", device="cpu")
    wanted = several(pipeline, tmp_path)
    sounds = generate_batch(pipeline, wanted)
    assert any(isinstance(sound, Audio) and sound.peak > 0.01 for sound in sounds)
    for one, sound in zip(wanted, sounds, strict=True):
        assert apart(sound, alone(pipeline, one)) < TOLERANCE  # type: ignore[arg-type]


def test_one_that_is_given_up_takes_no_other_with_it(tmp_path: Path) -> None:
    """At any phase; what its progress raised stands in its place."""
    pipeline = random_pipeline()
    wanted = several(pipeline, tmp_path)
    rows = counted(pipeline)
    for phase, share, called in (
        ("text", 0.0, 3),
        ("network", 0.0, 3),
        ("network", 1.0, 4),
        ("codec", 1.0, 4),
    ):

        def give_up(name: str, done: float, at: tuple[str, float] = (phase, share)) -> None:
            if (name, done) == at:
                raise OptionError(f"enough: {at}")

        mixed = [*wanted[:2], BatchItem(wanted[2].features, wanted[2].options, 13, give_up), wanted[3]]
        made = generate_batch(pipeline, mixed)
        assert isinstance(made[2], OptionError) and "enough" in str(made[2])
        assert rows.pop() == called
        for k in (0, 1, 3):
            assert apart(made[k], alone(pipeline, wanted[k])) < TOLERANCE  # type: ignore[arg-type]
            rows.pop()


def test_numbers_that_are_none_are_the_fault_of_their_row(tmp_path: Path) -> None:
    pipeline = random_pipeline()
    wanted = several(pipeline, tmp_path)
    inner = pipeline.latents

    def spoiled(*given: Any) -> Any:
        latents = inner(*given)
        latents[1] = float("nan")
        return latents

    pipeline.latents = spoiled  # type: ignore[method-assign]
    made = generate_batch(pipeline, wanted)
    assert isinstance(made[1], NonFiniteError)
    assert [isinstance(one, Audio) for one in made] == [True, False, True, True]


def test_all_given_up_call_no_network(tmp_path: Path) -> None:
    pipeline = random_pipeline()

    def never(*_: Any) -> None:
        raise OptionError("no")

    unseen = pipeline.encode_clip(None, duration=1)
    rows = counted(pipeline)
    made = generate_batch(
        pipeline, [BatchItem(unseen, GenerateOptions(prompt="rain"), k, never) for k in (1, 2)]
    )
    assert rows == [] and all(isinstance(one, OptionError) for one in made)


def test_what_must_be_alike() -> None:
    pipeline = random_pipeline(sampling=Sampling("flow", steps=2, guidance=3.0, negative_prompt=True))

    def kind(seconds: Any = 2, **asked: Any) -> Any:
        return batch_key(pipeline, pipeline.encode_clip(None, duration=seconds), GenerateOptions(**asked))

    same = kind(prompt="rain")
    assert same is not None and same == kind(prompt="sea") == kind(num_steps=2) == kind(cfg_strength=3.0)
    assert same == kind(Fraction(2000001, 1000000))  # the same latents; the samples are cut row by row
    for other in (kind(3), kind(num_steps=1), kind(cfg_strength=2.0), kind(negative_prompt="wind")):
        assert other is not None and other != same
    assert kind(30) is None  # a film


def test_features_of_another_length_are_another_kind() -> None:
    pipeline = random_pipeline()
    lines = pipeline.clip_encoder.timeline.at(2)
    plain = pipeline.encode_clip(None, duration=2)
    import torch

    longer = ClipFeatures(lines, torch.zeros(99, pipeline.semantic.dim), torch.zeros(lines.sync_tokens, 4))
    assert batch_key(pipeline, plain, GenerateOptions()) != batch_key(pipeline, longer, GenerateOptions())
