"""Case 25: sample rate and channels of what is written."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from clips import Clips, decoded_sound

from soundvcm.errors import InputError, OptionError
from soundvcm.media import mux, read_sound, read_tags, resample, save_sound

NOISE = (0.2 * np.random.default_rng(2).standard_normal(16_000)).astype(np.float32)
LOSSLESS_FILES = (".wav", ".flac")
ALL_FILES = (*LOSSLESS_FILES, ".ogg", ".opus", ".mp3", ".m4a")


@pytest.mark.parametrize("suffix", ALL_FILES)
def test_as_made_by_default(tmp_path: Path, suffix: str) -> None:
    report = save_sound(tmp_path / f"a{suffix}", NOISE, 16_000)
    assert (report.sample_rate, report.channels, report.samples) == (16_000, 1, 16_000)
    assert report.messages == [] and report.seconds == 1
    wave, rate = read_sound(report.path)
    if suffix in LOSSLESS_FILES:
        info = soundfile.info(report.path)
        assert (info.samplerate, info.channels, info.frames) == (16_000, 1, 16_000)
    assert wave.shape[0] == 1 and abs(wave.shape[1] / rate - 1) < 0.09


@pytest.mark.parametrize("suffix", LOSSLESS_FILES)
def test_resampled_not_repeated(tmp_path: Path, suffix: str) -> None:
    report = save_sound(tmp_path / f"a{suffix}", NOISE, 16_000, to_rate=48_000)
    assert (report.sample_rate, report.samples) == (48_000, 48_000)
    assert "resampled from 16000 to 48000 Hz" in report.messages
    data, _ = soundfile.read(report.path)
    power = np.abs(np.fft.rfft(data * np.hanning(48_000))) ** 2
    assert 10 * np.log10(power[8100:].sum() / power[:8000].sum()) < -60


@pytest.mark.parametrize(
    ("source", "target"), [(16_000, 44_100), (44_100, 16_000), (48_000, 16_000), (22_050, 48_000)]
)
def test_lengths_after_a_change_of_rate(source: int, target: int) -> None:
    wave = np.zeros((2, 12_345), np.float32)
    assert resample(wave, source, target).shape == (2, round(12_345 * target / source))
    assert resample(wave, source, source) is wave


@pytest.mark.parametrize("suffix", ALL_FILES)
def test_stereo_is_two_identical_channels(tmp_path: Path, suffix: str) -> None:
    report = save_sound(tmp_path / f"a{suffix}", NOISE, 16_000, channels=2)
    assert report.channels == 2 and "2 identical channels from a mono sound" in report.messages
    wave, _ = read_sound(report.path)
    assert wave.shape[0] == 2
    if suffix in LOSSLESS_FILES:
        assert (wave[0] == wave[1]).all() and abs(np.abs(wave).max() - np.abs(NOISE).max()) < 2**-15


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_the_video_says_how_many_channels(clips: Clips, tmp_path: Path, suffix: str, channels: int) -> None:
    report = mux(
        clips("short25.mp4"), NOISE, 16_000, tmp_path / f"a{suffix}", channels=channels, to_rate=48_000
    )
    with av.open(str(report.path)) as container:
        stream = container.streams.audio[0]
        assert (stream.channels, stream.rate) == (channels, 48_000)
    wave, _, _ = decoded_sound(report.path)
    assert wave.shape[0] == channels and 0 <= wave.shape[1] - 48_000 <= 1024
    assert "sound resampled from 16000 to 48000 Hz" in report.messages


def test_opus_takes_the_next_rate_it_knows(clips: Clips, tmp_path: Path) -> None:
    report = save_sound(tmp_path / "a.opus", NOISE, 44_100)
    assert report.sample_rate == 48_000 and "resampled from 44100 to 48000 Hz" in report.messages
    video = mux(clips("short25.mp4"), NOISE, 17_000, tmp_path / "a.mp4")
    assert video.sample_rate == 22_050  # AAC's next


def test_tags_say_how_the_sound_was_made(clips: Clips, tmp_path: Path) -> None:
    tags = {"model": "tiny", "prompt": "Regen auf Blech, 雨", "seed": 2**63 - 1}
    for suffix in ALL_FILES:
        save_sound(tmp_path / f"a{suffix}", NOISE, 16_000, tags=tags)
        assert read_tags(tmp_path / f"a{suffix}") == tags
    for suffix in (".mp4", ".mkv", ".mov"):
        mux(clips("short25.mp4"), NOISE, 16_000, tmp_path / f"a{suffix}", tags=tags)
        assert read_tags(tmp_path / f"a{suffix}") == tags
    assert read_tags(clips("short25.mp4")) == {}


def test_settings_that_do_not_fit(clips: Clips, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="a.xyz"):
        save_sound(tmp_path / "a.xyz", NOISE, 16_000)
    with pytest.raises(OptionError, match="a.flac"):
        save_sound(tmp_path / "a.flac", NOISE, 16_000, encoding="float")
    with pytest.raises(OptionError, match="2 channels"):
        save_sound(tmp_path / "a.wav", np.zeros((3, 9)), 16_000, channels=2)
    with pytest.raises(OptionError, match="10"):
        save_sound(tmp_path / "a.wav", NOISE, 16_000, to_rate=10)
    with pytest.raises(InputError, match="shape"):
        save_sound(tmp_path / "a.wav", np.zeros((1, 2, 3)), 16_000)
    with pytest.raises(OptionError, match=r"\.mp4.*pcm"):
        mux(clips("short25.mp4"), NOISE, 16_000, tmp_path / "a.mp4", audio_codec="pcm")
    with pytest.raises(OptionError, match=r"\.wmv"):
        mux(clips("short25.mp4"), NOISE, 16_000, tmp_path / "a.wmv")
    assert list(tmp_path.iterdir()) == []
