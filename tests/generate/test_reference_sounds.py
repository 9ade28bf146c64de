"""Reference sounds in the flow of `tiny`: what decides, what is named, what is refused, what stays quiet."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from standins import random_pipeline

import soundvcm
from soundvcm import media
from soundvcm.cli import main as cli
from soundvcm.errors import InputError, OptionError
from soundvcm.evaluation import classify
from soundvcm.generate.options import GenerateOptions
from soundvcm.generate.pipeline import Pipeline
from soundvcm.generate.reference_sounds import levelled

CLIPS = Path(__file__).resolve().parents[2] / "examples" / "clips"


@pytest.fixture(scope="module")
def tiny() -> Pipeline:
    return soundvcm.load("tiny", device="cpu")


@pytest.mark.parametrize(
    ("prompt", "classes"), [("rain on a tin roof", "Rain Water Stream"), ("a dog barks", "Dog")]
)
def test_the_readme_examples_are_what_they_say(tiny: Pipeline, prompt: str, classes: str) -> None:
    for seed in range(3):
        take = tiny.generate(prompt=prompt, duration=4, seed=seed)
        assert set(classify(take.wave, take.sample_rate)) & set(classes.split())
        assert -40 < media.integrated_loudness(take.wave, take.sample_rate) < -10


def test_recordings_are_named_with_the_sound(tiny: Pipeline) -> None:
    take = tiny.generate(prompt="thunder", duration=3, seed=1)
    assert take.credits and all("thunder_" in line for line in take.credits)
    assert take.metadata["credits"] == "; ".join(take.credits)
    own = tiny.generate(prompt="thunder", duration=3, seed=1, renderer="network")
    assert not own.credits and "credits" not in own.metadata and own.metadata["renderer"] == "network"
    assert not np.array_equal(own.wave, take.wave)


def test_a_kind_can_be_chosen_against_the_prompt(tiny: Pipeline) -> None:
    take = tiny.generate(prompt="thunder", kind="bell", duration=3, seed=1)
    assert all(line.startswith("bell_") for line in take.credits)
    again = tiny.generate(kind="bell", duration=3, seed=1, renderer="network", prompt="x")
    assert again.credits and again.calls == 2  # the network once more, from the placed latents


def test_a_file_of_ones_own_is_what_sounds(tiny: Pipeline, tmp_path: Path) -> None:
    tiny.generate(prompt="a dog barks", duration=2, seed=5).save(tmp_path / "mine.wav")
    take = tiny.generate(CLIPS / "hammer.mp4", like=tmp_path / "mine.wav", seed=2)
    assert set(classify(take.wave, take.sample_rate)) & {"Dog", "Bark", "Animal", "Domestic animals, pets"}
    assert take.credits == ("mine.wav (mine.wav, you, yours)",) and take.metadata["like"] == "mine.wav"
    media.save_sound(tmp_path / "nothing.wav", np.zeros((1, 16_000), np.float32), 16_000)
    with pytest.raises(InputError, match=r"nothing\.wav: holds no sound"):
        tiny.generate(CLIPS / "hammer.mp4", like=tmp_path / "nothing.wav", seed=2)


def test_an_unknown_sound_is_said_with_the_nearest_kind(tiny: Pipeline) -> None:
    take = tiny.generate(prompt="a robot", duration=2, seed=1)
    assert not take.credits and any("the nearest is" in line for line in take.warnings)


def test_a_prompt_outweighs_the_pictures(tiny: Pipeline) -> None:
    features = tiny.encode_clip(CLIPS / "rain.mp4")
    assert bool(tiny.conditions(features, "").has_semantic)
    told = tiny.conditions(features, "a hammer")
    assert not bool(told.has_semantic) and bool(told.has_sync)


def test_without_a_video_the_motion_is_that_of_the_kind(tiny: Pipeline) -> None:
    features = tiny.encode_clip(None, duration=3)
    assert bool(tiny.conditions(features, "a ball bounces").has_sync)
    assert not bool(tiny.conditions(features, "a robot").has_sync)


@pytest.mark.parametrize("asked", [{"kind": "rain"}, {"like": Path("a.wav")}, {"renderer": "bank"}])
def test_systems_without_reference_sounds_refuse_them(asked: dict[str, object]) -> None:
    with pytest.raises(OptionError, match="no reference sounds"):
        random_pipeline().check(GenerateOptions(**asked))  # type: ignore[arg-type]


def test_contradictions_and_unknown_kinds_are_refused_at_once(tiny: Pipeline) -> None:
    with pytest.raises(OptionError, match="give one of them"):
        tiny.check(GenerateOptions(kind="rain", like=Path("a.wav")))
    with pytest.raises(OptionError, match="'rain'"):
        tiny.check(GenerateOptions(kind="rian"))


def test_quiet_sounds_are_brought_up_and_others_left_alone() -> None:
    noise = np.random.default_rng(0).standard_normal((1, 32_000)).astype(np.float32)
    assert media.integrated_loudness(levelled(noise * 2e-3, 16_000), 16_000) == pytest.approx(-33, abs=0.5)
    assert media.integrated_loudness(levelled(noise * 1e-5, 16_000), 16_000) > -45
    loud = noise * 0.1
    assert levelled(loud, 16_000) is loud and not levelled(loud * 0, 16_000).any()


def test_the_command_names_kind_and_credits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["generate", "--kind", "bell", "--prompt", "x", "--duration", "1", "--seed", "1", "--json"]
    with pytest.raises(SystemExit) as done:
        cli.main([*words, "-o", str(tmp_path / "a.wav")])
    assert done.value.code == 0
    record = json.loads(capsys.readouterr().out)
    assert record["credits"] and record["credits"][0].startswith("bell_")
