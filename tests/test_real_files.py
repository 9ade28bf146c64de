"""Real files out of ordinary packages go the whole way: read, generate, written with their pictures.

Fetched by `real_files.fetch`; skipped with the reason where they cannot be had. Two kinds that no package has
are made here: a GIF and odd square sizes.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from clips import moving, packet_md5, shown_times, write_gif, write_video
from real_files import FOOTAGE, UnavailableError, fetch
from standins import random_pipeline

import soundvcm
from soundvcm import weights
from soundvcm.errors import WeightsError
from soundvcm.generate import render
from soundvcm.generate.options import GenerateOptions
from soundvcm.generate.pipeline import Pipeline
from soundvcm.media import probe, read_tags

AAC_FRAME = 1024


def real(name: str) -> Path:
    try:
        return fetch(name)
    except UnavailableError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return random_pipeline()


def sound_of(path: Path) -> tuple[int, int]:
    """Samples and rate of the only sound track."""
    with av.open(str(path)) as container:
        assert len(container.streams.audio) == 1
        rate = container.streams.audio[0].rate
        return sum(frame.samples for frame in container.decode(audio=0)), rate


def goes_through(pipeline: Pipeline, source: Path, seconds: Fraction, folder: Path) -> Path:
    """One take as wav and in the video: lengths are exact, the pictures are the same packets."""
    features = pipeline.encode_clip(source)
    assert features.timeline.seconds == seconds
    before = packet_md5(source)
    wav = GenerateOptions(video=source, seed=5, audio_only=True, output=folder / "x.wav")
    outcome = render.render(pipeline, wav, features=features)
    samples = features.timeline.samples
    assert Fraction(outcome.length) == seconds and samples == round(seconds * 16_000)
    assert soundfile.info(folder / "x.wav").frames == samples
    video = render.render(
        pipeline, GenerateOptions(video=source, seed=5, output=folder / "x.mp4"), features=features
    )
    (result,) = video.outputs
    found, rate = sound_of(result)
    assert abs(Fraction(found, rate) - seconds) <= Fraction(AAC_FRAME, rate)
    assert read_tags(result)["seed"] == "5" and packet_md5(source) == before
    return result


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", FOOTAGE)
def test_the_whole_way(name: str, pipeline: Pipeline, tmp_path: Path) -> None:
    facts, source = FOOTAGE[name], real(name)
    seen = probe(source)
    assert Fraction(seen["seconds"]) == facts.seconds and seen["frames"] == facts.pictures
    result = goes_through(pipeline, source, facts.seconds, tmp_path)
    assert result.suffix == facts.result
    assert packet_md5(result) == packet_md5(source)
    there, here = shown_times(source), shown_times(result)
    assert len(here) == len(there)
    # Matroska keeps milliseconds.
    grain = Fraction(1, 1000) if result.suffix == ".mkv" else Fraction(1, 90_000)
    assert max(abs((b - here[0]) - (a - there[0])) for a, b in zip(there, here, strict=True)) <= grain


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", FOOTAGE)
def test_the_embedded_model_hears_something(name: str, tmp_path: Path) -> None:
    try:
        weights.locate("tiny_network")
    except WeightsError as error:
        pytest.skip(str(error))
    sound = soundvcm.load("tiny").generate(real(name), duration=min(8, FOOTAGE[name].seconds), seed=1)
    wave = sound.wave[0]
    assert np.isfinite(wave).all() and np.sqrt(np.mean(wave**2)) > 1e-4
    assert len(wave) == round(min(8, FOOTAGE[name].seconds) * 16_000)


@pytest.mark.parametrize(("count", "rate"), [(20, 10), (7, 25)])
def test_a_gif(pipeline: Pipeline, tmp_path: Path, count: int, rate: int) -> None:
    source = write_gif(tmp_path / "x.gif", count, rate)
    seconds = Fraction(count, rate)
    features = pipeline.encode_clip(source)
    assert features.timeline.seconds == seconds and features.sync is not None
    (result,) = render.render(
        pipeline, GenerateOptions(video=source, seed=5, output=tmp_path / "x.mp4"), features=features
    ).outputs
    found, rate_of_sound = sound_of(result)
    assert len(shown_times(result)) == count
    assert abs(Fraction(found, rate_of_sound) - seconds) <= Fraction(AAC_FRAME, rate_of_sound)


@pytest.mark.parametrize("size", [2, 7, 33, 101])
def test_odd_square_sizes(pipeline: Pipeline, tmp_path: Path, size: int) -> None:
    source = write_video(
        tmp_path / "in.mkv", lambda k: moving(k, size, size), 25, 25, codec="ffv1", pix_fmt="bgr0"
    )
    result = goes_through(pipeline, source, Fraction(1), tmp_path)
    assert result.suffix == ".mkv" and packet_md5(result) == packet_md5(source)
