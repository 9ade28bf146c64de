"""Options of `generate` that decide what becomes of sound: existing tracks, gain, loudness, exact cuts."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from clips import decoded_sound, packet_md5, shown_times
from standins import random_pipeline, write_clip

from soundvcm import media
from soundvcm.cli import main as cli
from soundvcm.cli.commands import generate as command
from soundvcm.systems import loading


class Hiss:
    """A codec that makes noise of a known level, another one for every latent."""

    sample_rate, latent_rate, dim = 16_000, Fraction(125, 4), 4

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """[b n c] -> [b 512 n]."""
        seed = int(latents.abs().sum() * 1e4)
        noise = torch.randn(latents.shape[1] * 512, generator=torch.Generator().manual_seed(seed))
        return (0.05 * noise).clamp(-0.2, 0.2)[None]


@pytest.fixture(autouse=True)
def hiss(monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = random_pipeline(longest=4)
    pipeline.codec = Hiss()  # type: ignore[assignment]
    monkeypatch.setattr(loading, "load", lambda name="tiny", **options: pipeline)
    monkeypatch.setattr(command, "classified_as", lambda outcome: ["Noise"])


@pytest.fixture(params=[50, 150], ids=["clip", "film"])
def clip(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """2 s with a 440 Hz tone; and 6 s, which is made in windows of 4 s."""
    return write_clip(tmp_path / "in.mp4", request.param, sound=True)


def run(*words: object) -> int:
    with pytest.raises(SystemExit) as caught:
        cli.main(["generate", *map(str, words), "--seed", "5"])
    return int(caught.value.code or 0)


def new_sound(clip: Path, name: str, *words: object) -> np.ndarray:
    out = clip.with_name(name)
    assert run(clip, "-o", out, *words) == 0
    return decoded_sound(out)[0]


def tracks(path: Path) -> int:
    with av.open(str(path)) as container:
        return len(container.streams.audio)


def test_replace_mix_and_keep(clip: Path) -> None:
    replaced = new_sound(clip, "replace.mkv")
    assert tracks(clip.with_name("replace.mkv")) == 1
    mixed = new_sound(clip, "mix.mkv", "--existing_audio", "mix")
    assert tracks(clip.with_name("mix.mkv")) == 1
    old, _, begin = decoded_sound(clip)
    assert begin == 0
    both = replaced[0] + old[0, : replaced.shape[1]]
    assert np.abs(mixed[0] - both).max() <= 2 / 32_768
    new_sound(clip, "keep.mkv", "--existing_audio", "keep")
    kept = clip.with_name("keep.mkv")
    assert tracks(kept) == 2 and np.array_equal(decoded_sound(kept, 1)[0], replaced)
    wave, rate, begin = decoded_sound(kept, 0)
    priming = round(-begin * rate)  # Matroska shows what MP4 hides: a player skips it by its time
    assert np.abs(wave[0, priming : priming + 16_000] - old[0, :16_000]).max() < 1e-6
    for name in ("replace.mkv", "mix.mkv", "keep.mkv"):
        assert packet_md5(clip.with_name(name)) == packet_md5(clip)


def test_gain_is_decibels(clip: Path) -> None:
    plain, louder = new_sound(clip, "a.mkv"), new_sound(clip, "b.mkv", "--gain", 6)
    softer = new_sound(clip, "c.mkv", "--gain", "-20")
    assert np.abs(louder - plain * 10 ** (6 / 20)).max() <= 2 / 32_768
    assert np.abs(softer - plain / 10).max() <= 2 / 32_768


def test_too_much_gain_is_held_at_full_scale_and_told(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wave = new_sound(clip, "a.mkv", "--gain", 30)
    assert 0.9 < np.abs(wave).max() <= 1
    assert "scale" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["a.mkv", "a.wav"])
def test_loudness_is_that_of_the_standard(clip: Path, name: str) -> None:
    words = ["--audio_only"] if name.endswith("wav") else []
    wave = new_sound(clip, name, "--loudness", -23, *words) if not words else None
    if wave is None:
        assert run(clip, "-o", clip.with_name(name), "--loudness", -23, *words) == 0
        wave, _ = media.read_sound(clip.with_name(name))
    assert media.integrated_loudness(wave, 16_000) == pytest.approx(-23, abs=0.2)
    assert media.true_peak(wave, 16_000) <= 10 ** (-1 / 20) + 1e-3
    assert wave.shape[1] == (32_000 if media.probe(clip)["seconds"] == "2" else 96_000)


def test_no_level_is_changed_unless_asked(clip: Path) -> None:
    out = clip.with_name("a.wav")
    assert run(clip, "-o", out, "--audio_only") == 0
    wave, _ = media.read_sound(out)
    assert 0.19 < np.abs(wave).max() < 0.3 and abs(float(wave.std()) - 0.05) < 0.005


def test_stereo_and_rate_in_the_video(clip: Path) -> None:
    wave = new_sound(clip, "a.mkv", "--stereo", "--sample_rate", 48_000)
    assert wave.shape[0] == 2 and np.array_equal(wave[0], wave[1])
    assert wave.shape[1] == 3 * new_sound(clip, "b.mkv").shape[1]


def test_an_exact_cut_is_exact(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = clip.with_name("cut.mp4")
    assert run(clip, "-o", out, "--start", "0.52", "--duration", "1", "--exact_cut") == 0
    assert "encoded anew for an exact cut" in capsys.readouterr().err
    assert len(shown_times(out)) == 25 and media.probe(out)["seconds"] == "1"


def test_sound_alone_is_that_of_the_video(clip: Path) -> None:
    """A film's sound goes to a sound file piece by piece too: the same samples."""
    video, sound = new_sound(clip, "a.mkv"), clip.with_name("a.flac")
    assert run(clip, "-o", sound, "--audio_only") == 0
    assert np.array_equal(media.read_sound(sound)[0], video)
    assert media.read_tags(sound)["seed"] == "5"
    assert run("--prompt", "rain", "--duration", 6, "-o", clip.with_name("words.wav")) == 0
    assert media.read_sound(clip.with_name("words.wav"))[0].shape == (1, 96_000)
