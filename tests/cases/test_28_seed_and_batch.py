"""Case 28: same seed, same sound: in a batch, in two processes, as a take; the seed is kept in the file."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from standins import random_pipeline, write_clip

from soundvcm import runtime, sampler
from soundvcm.generate.options import GenerateOptions
from soundvcm.media import read_tags
from soundvcm.records import Conditions

CODE = """
import hashlib, sys
sys.path.insert(0, sys.argv[1])
from standins import random_pipeline
sound = random_pipeline().generate(sys.argv[2], prompt="rain", seed=7)
print(hashlib.sha256(sound.wave.tobytes()).hexdigest())
"""


def test_two_processes_make_the_same_bits(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "short61.mp4", 61)
    here = random_pipeline().generate(clip, prompt="rain", seed=7).wave
    words = [sys.executable, "-c", CODE, str(Path(__file__).parents[1]), str(clip)]
    there = subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    assert there == hashlib.sha256(here.tobytes()).hexdigest()


def test_position_in_a_batch_changes_nothing() -> None:
    """Row 2 of 3 against alone: noise is the same to the bit, the latents within 1e-5."""
    pipeline = random_pipeline()
    features = pipeline.clip_encoder.without_video(Fraction(2))
    count = features.timeline.latents
    prompts, seeds, dim = ("wind", "rain", "sea"), [3, 7, 11], pipeline.codec.dim
    noise = runtime.seeded_noise(seeds, (count, dim))
    assert torch.equal(noise[1:2], runtime.seeded_noise([7], (count, dim)))
    assert not torch.equal(noise[0], noise[1])
    batch = Conditions.cat([pipeline.conditions(features, prompt) for prompt in prompts])

    def made(conditions: Conditions, start: torch.Tensor) -> torch.Tensor:
        given = pipeline.network.given(conditions, count)
        return sampler.sample_mean(given, start, sampler.uniform_times(2))

    with torch.inference_mode():
        together, alone = made(batch, noise), made(batch.rows(slice(1, 2)), noise[1:2])
        swapped = made(batch.rows(torch.tensor([2, 1, 0])), noise.flip(0))
    assert (together[1:2] - alone).abs().max() < 1e-5
    assert (together - swapped.flip(0)).abs().max() < 1e-5
    assert (together[0] - together[1]).abs().max() > 1e-2


@pytest.mark.parametrize("seed", [0, 1, 2**31, 2**63 - 1])
def test_the_whole_range_of_seeds_is_kept_in_the_file(tmp_path: Path, seed: int) -> None:
    pipeline = random_pipeline()
    sound = pipeline.take(
        pipeline.clip_encoder.without_video(Fraction(1, 2)), GenerateOptions(prompt="rain"), seed=seed
    )
    path = sound.save(tmp_path / "x.flac").path
    assert read_tags(path)["seed"] == str(seed) and read_tags(path)["prompt"] == "rain"
    again = pipeline.take(
        pipeline.clip_encoder.without_video(Fraction(1, 2)),
        GenerateOptions(prompt="rain"),
        seed=int(read_tags(path)["seed"]),
    )
    assert (again.wave == sound.wave).all()
