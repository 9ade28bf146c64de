"""Case 27: flags users know, in a model whose guidance is trained in."""

from __future__ import annotations

import inspect
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from standins import random_network, random_pipeline, write_clip

from soundvcm.cli import main as cli
from soundvcm.cli.commands import generate as command
from soundvcm.generate.options import DEFAULTS, GenerateOptions, Sampling
from soundvcm.generate.pipeline import Pipeline
from soundvcm.systems import loading

NEGATIVE = "speech, music"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "a.mp4", 25)


def counted(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by the rows of each call of the network: one for a clip, two where guidance doubles it."""
    calls: list[int] = []
    original = type(pipeline.network).forward

    def counting(self: Any, noisy: Any, *given: Any, **named: Any) -> Any:
        calls.append(noisy.shape[0])
        return original(self, noisy, *given, **named)

    monkeypatch.setattr(type(pipeline.network), "forward", counting)
    return calls


@pytest.mark.parametrize(("asked", "right"), [(None, 1), (1, 1), (25, 25)])
def test_steps_are_calls(clip: Path, monkeypatch: pytest.MonkeyPatch, asked: int | None, right: int) -> None:
    pipeline = random_pipeline()
    calls = counted(pipeline, monkeypatch)
    assert pipeline.generate(clip, num_steps=asked, seed=1).calls == sum(calls) == right


@pytest.mark.parametrize("words", [("--cfg_strength", "4.5"), ("--negative_prompt", NEGATIVE)])
def test_flags_without_effect_are_refused_in_one_line(
    clip: Path, words: tuple[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(loading, "load", lambda name="tiny", **options: random_pipeline())
    with pytest.raises(SystemExit) as caught:
        cli.main(["generate", str(clip), *words])
    error = capsys.readouterr().err
    assert caught.value.code == 2 and error.count("\n") == 1
    assert f"{words[0][2:]} has nothing to act on: guidance is trained into" in error
    assert list(clip.parent.iterdir()) == [clip]


def test_guidance_at_inference_doubles_the_calls_and_1_is_none(
    clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sampling = Sampling(kind="flow", steps=3, guidance=4.5, negative_prompt=True)
    pipeline = random_pipeline(sampling=sampling)
    features = pipeline.encode_clip(clip)
    calls = counted(pipeline, monkeypatch)
    guided = pipeline.take(features, GenerateOptions(prompt="rain"), seed=3)
    assert guided.calls == sum(calls) == 6
    calls.clear()
    one = pipeline.take(features, GenerateOptions(prompt="rain", cfg_strength=1.0), seed=3)
    assert one.calls == sum(calls) == 3 and not np.array_equal(one.wave, guided.wave)
    plain = random_pipeline(network=pipeline.network, sampling=Sampling(kind="flow", steps=3))
    assert np.array_equal(one.wave, plain.take(features, GenerateOptions(prompt="rain"), seed=3).wave)
    blank = pipeline.take(features, GenerateOptions(prompt="rain", negative_prompt=""), seed=3).wave
    assert np.array_equal(blank, guided.wave)
    other = pipeline.take(features, GenerateOptions(prompt="rain", negative_prompt="ooo"), seed=3).wave
    assert not np.array_equal(other, guided.wave)


def test_trained_in_guidance_that_is_an_input_costs_no_call(clip: Path) -> None:
    network = random_network(guidance_input="log")
    sound = random_pipeline(network=network, sampling=Sampling(guidance=2.0)).generate(
        clip, cfg_strength=5.0, seed=1
    )
    assert sound.calls == 1


def test_the_picture_content_can_be_ignored(clip: Path) -> None:
    """Words and movement only, for unwanted sounds that follow what is seen."""
    pipeline = random_pipeline()
    features = pipeline.encode_clip(clip)
    conditions = pipeline.conditions(features, "rain", ignore_pictures=True)
    assert not conditions.has_semantic.any() and conditions.has_sync.all() and conditions.has_text.all()
    seen, unseen = (
        pipeline.take(features, GenerateOptions(prompt="rain", ignore_pictures=k), seed=3).wave
        for k in (False, True)
    )
    assert not np.array_equal(seen, unseen)


def test_one_table_of_defaults_for_every_door() -> None:
    """The page reads the same table: tests/web/test_page.py asks the running service for it."""
    line = {name: p.default for name, p in inspect.signature(command.generate).parameters.items()}
    for field in fields(GenerateOptions):
        if field.name != "video":
            assert line[field.name] == getattr(DEFAULTS, field.name), field.name
    taken = []
    pipeline = random_pipeline()
    pipeline.take = lambda features, options, **named: taken.append(options)  # type: ignore[method-assign, assignment, return-value]
    pipeline.generate(duration=1)
    assert replace(taken[0], duration=None) == DEFAULTS


def test_the_page_takes_its_defaults_from_the_table_and_says_what_a_negative_prompt_cannot() -> None:
    from soundvcm.web import forms

    shown = forms.defaults()
    assert set(shown) > {"prompt", "seed", "num_steps", "cfg_strength", "ignore_pictures"}
    for name, value in shown.items():
        assert value == getattr(DEFAULTS, name), name
    text = " ".join((Path(forms.__file__).parent / "static" / "index.html").read_text("utf-8").split())
    assert (
        "Voices that nobody asked for follow the picture" in text and "Ignore what the pictures show" in text
    )
