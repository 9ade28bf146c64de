"""The whole flow on stand-ins: lengths, seeds, calls, threads, films, refused knobs."""

from __future__ import annotations

import threading
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from standins import cache, random_network, random_pipeline, write_clip

from soundvcm.errors import InputError, NonFiniteError, OptionError
from soundvcm.generate.audio import Audio
from soundvcm.generate.options import GenerateOptions, Sampling


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clips") / "grey.mp4", 61)


def test_a_clip_gives_exactly_its_length(clip: Path) -> None:
    sound = random_pipeline().generate(clip, prompt="rain", seed=7)
    assert sound.wave.shape == (1, 39_040) and sound.wave.dtype == np.float32
    assert sound.sample_rate == 16_000 and sound.seconds == Fraction(61, 25) and sound.seed == 7
    assert {"decode", "encode", "text", "network", "codec"} <= set(sound.timings)


def test_words_alone_need_a_length() -> None:
    pipeline = random_pipeline()
    assert pipeline.generate(prompt="rain", duration="0.5", seed=1).wave.shape == (1, 8000)
    with pytest.raises(OptionError, match="add --duration"):
        pipeline.generate(prompt="rain")


def test_arrays_need_a_rate() -> None:
    """Case 03."""
    frames = np.zeros((80, 12, 16, 3), np.uint8)
    pipeline = random_pipeline()
    assert pipeline.generate(frames, fps=16, seed=1).seconds == 5
    assert pipeline.generate(frames, duration=5, seed=1).seconds == 5
    with pytest.raises(ValueError, match="fps"):
        pipeline.generate(frames)


def test_same_seed_same_sound_whatever_else_runs(clip: Path) -> None:
    """Case 28: alone, again, in another pipeline and as a take."""
    one, two = random_pipeline(), random_pipeline()
    first = one.generate(clip, seed=7).wave
    one.generate(clip, seed=8)
    assert np.array_equal(first, one.generate(clip, seed=7).wave)
    assert np.array_equal(first, two.take(two.encode_clip(clip), seed=7).wave)
    assert not np.array_equal(first, one.generate(clip, seed=8).wave)
    drawn = one.generate(clip, seed=-1)
    assert np.array_equal(drawn.wave, one.generate(clip, seed=drawn.seed).wave)


def test_steps_are_calls(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Case 27: N steps, N network calls, counted."""
    pipeline = random_pipeline()
    features = pipeline.encode_clip(clip)
    for steps in (1, 4, 25):
        count = []
        original = type(pipeline.network).forward

        def counting(self, *given, original=original, count=count, **named):  # type: ignore[no-untyped-def]
            count.append(1)
            return original(self, *given, **named)

        monkeypatch.setattr(type(pipeline.network), "forward", counting)
        sound = pipeline.take(features, GenerateOptions(num_steps=steps), seed=1)
        monkeypatch.setattr(type(pipeline.network), "forward", original)
        assert len(count) == steps == sound.calls


def test_knobs_without_effect_are_refused(clip: Path) -> None:
    pipeline = random_pipeline()
    with pytest.raises(OptionError, match="cfg_strength"):
        pipeline.generate(clip, cfg_strength=4.5)
    with pytest.raises(OptionError, match="negative_prompt"):
        pipeline.generate(clip, negative_prompt="speech, music")
    with pytest.raises(OptionError, match="num_steps must be"):
        pipeline.generate(clip, num_steps=0)


def test_guidance_is_a_knob_where_the_network_hears_it(clip: Path) -> None:
    network = random_network(guidance_input="log")
    pipeline = random_pipeline(network=network, sampling=Sampling(guidance=2.0))
    features = pipeline.encode_clip(clip)
    two = pipeline.take(features, GenerateOptions(prompt="rain", cfg_strength=2.0), seed=3).wave
    assert np.array_equal(two, pipeline.take(features, GenerateOptions(prompt="rain"), seed=3).wave)
    five = pipeline.take(features, GenerateOptions(prompt="rain", cfg_strength=5.0), seed=3)
    assert not np.array_equal(two, five.wave) and five.calls == 1


def test_temperature_scales_the_starting_noise(clip: Path) -> None:
    """At 0 every seed gives the same sound; at .5 seeds differ, and from the sound at 1 too."""
    network = random_network()

    def take(temperature: float, seed: int) -> NDArray[np.float32]:
        pipeline = random_pipeline(network=network, sampling=Sampling(temperature=temperature))
        return pipeline.take(pipeline.encode_clip(clip), GenerateOptions(prompt="rain"), seed=seed).wave

    assert np.array_equal(take(0.0, 1), take(0.0, 2))
    assert not np.allclose(take(0.5, 1), take(0.5, 2)) and not np.allclose(take(0.5, 1), take(1.0, 1))


def test_outside_guidance_costs_two_passes(clip: Path) -> None:
    sampling = Sampling(kind="flow", steps=4, guidance=4.5, negative_prompt=True)
    pipeline = random_pipeline(sampling=sampling)
    features = pipeline.encode_clip(clip)
    guided = pipeline.take(features, GenerateOptions(prompt="rain"), seed=3)
    assert guided.calls == 8
    plain = pipeline.take(features, GenerateOptions(prompt="rain", cfg_strength=1.0), seed=3)
    assert plain.calls == 4 and not np.array_equal(plain.wave, guided.wave)
    blank = pipeline.take(features, GenerateOptions(prompt="rain", negative_prompt=""), seed=3)
    assert np.array_equal(blank.wave, guided.wave)
    negative = pipeline.take(features, GenerateOptions(prompt="rain", negative_prompt="oooo"), seed=3)
    assert not np.array_equal(negative.wave, guided.wave)


def test_blank_is_no_text_and_pictures_can_be_ignored(clip: Path) -> None:
    pipeline = random_pipeline()
    features = pipeline.encode_clip(clip)
    blank = pipeline.take(features, GenerateOptions(prompt="   "), seed=3).wave
    assert np.array_equal(blank, pipeline.take(features, GenerateOptions(prompt=""), seed=3).wave)
    assert not np.array_equal(blank, pipeline.take(features, GenerateOptions(prompt="rain"), seed=3).wave)
    assert not np.array_equal(
        blank, pipeline.take(features, GenerateOptions(prompt="", ignore_pictures=True), seed=3).wave
    )


def test_warnings_reach_the_result(clip: Path) -> None:
    assert "English only" in random_pipeline().generate(clip, prompt="海浪", seed=1).warnings[0]


def test_two_lengths_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    pipeline = random_pipeline()
    clips = [write_clip(tmp_path / f"{n}.mp4", n) for n in (25, 61)]
    alone = [pipeline.generate(clip, seed=5).wave for clip in clips]
    wrong = []

    def work(index: int) -> None:
        for _ in range(4):
            if not np.array_equal(pipeline.generate(clips[index], seed=5).wave, alone[index]):
                wrong.append(index)

    threads = [threading.Thread(target=work, args=(k % 2,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_second_take_encodes_nothing(clip: Path) -> None:
    pipeline = random_pipeline(cache=cache())
    pipeline.generate(clip, seed=1)
    pipeline.generate(clip, seed=2, prompt="rain")
    assert pipeline.semantic.encoded == 1


def test_a_film_is_made_in_windows(tmp_path: Path) -> None:
    """A clip longer than a window: exact length, a call a window, the first window as if alone."""
    clip = write_clip(tmp_path / "film.mp4", 140)
    pipeline = random_pipeline(longest=2)
    features = pipeline.encode_clip(clip)
    assert len(features.parts) == 5 and features.timeline.seconds == Fraction(28, 5)
    sound = pipeline.take(features, seed=9)
    assert sound.wave.shape == (1, 89_600) and sound.calls == 5
    first = pipeline.take(features.parts[0], seed=9).wave
    assert np.array_equal(sound.wave[:, :16_000], first[:, :16_000])
    pieces = list(pipeline.stream(features, seed=9))
    assert len(pieces) > 3 and np.array_equal(np.concatenate(pieces, axis=1), sound.wave)


def test_long_words_alone_are_a_film_too() -> None:
    pipeline = random_pipeline(longest=2)
    assert pipeline.generate(prompt="rain", duration=5, seed=2).wave.shape == (1, 80_000)


def test_a_still_picture_has_no_movement(tmp_path: Path) -> None:
    """Case 11: one picture repeated, no sync features, exactly the length asked for."""
    path = tmp_path / "still.png"
    with av.open(str(path), "w", format="image2") as container:
        stream = container.add_stream("png", rate=1)
        stream.height, stream.width, stream.pix_fmt = 20, 30, "rgb24"
        picture = av.VideoFrame.from_ndarray(np.full((20, 30, 3), 80, np.uint8), format="rgb24")
        container.mux(stream.encode(picture))
        container.mux(stream.encode())
    pipeline = random_pipeline()
    features = pipeline.encode_clip(path, duration=4)
    assert features.sync is None and features.semantic is not None
    assert pipeline.take(features, seed=1).wave.shape == (1, 64_000)
    with pytest.raises(InputError):
        pipeline.encode_clip(path)


def test_non_finite_sound_is_refused(clip: Path) -> None:
    """Case 23."""
    network = random_network()
    network.final.conv.bias[0] = float("nan")
    with pytest.raises(NonFiniteError, match="non-finite values at sample"):
        random_pipeline(network=network).generate(clip, seed=1)
    with pytest.raises(NonFiniteError, match="at sample 3"):
        Audio(np.array([[0, 0, 0, np.inf]], np.float32), 16_000, 1, Fraction(1, 4000))


def test_bfloat16_stays_near_float32(clip: Path) -> None:
    """Case 29: relative difference of the latents below 0.05 and everything finite."""
    full, half = random_pipeline(), random_pipeline(dtype=torch.bfloat16)
    features = full.encode_clip(clip)
    with torch.inference_mode():
        rows = []
        for pipeline in (full, half):
            conditions = pipeline.conditions(features, "rain")
            rows.append(pipeline.latents(features, conditions, GenerateOptions(prompt="rain"), 3).float())
    assert float((rows[0] - rows[1]).norm() / rows[0].norm()) < 0.05


def test_save_and_mux(clip: Path, tmp_path: Path) -> None:
    sound = random_pipeline().generate(clip, prompt="rain", seed=7)
    sound.save(tmp_path / "x.wav")
    sound.mux(clip, tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert len(container.streams.video) == 1 and len(container.streams.audio) == 1
        assert sum(1 for _ in container.decode(video=0)) == 61
    from soundvcm import media

    tags = media.read_tags(tmp_path / "x.wav")
    assert tags["seed"] == "7" and tags["prompt"] == "rain" and tags["model"] == "standin"
    with pytest.raises(InputError):
        sound.mux(clip, clip)
