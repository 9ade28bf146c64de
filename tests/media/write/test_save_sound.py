"""A sound file from blocks: the same samples as from the whole, nothing kept, the old file safe."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from soundvcm.errors import MediaError, NonFiniteError, OptionError
from soundvcm.media import SoundWriter, read_sound, read_tags, save_sound

RATE = 16_000
NOISE = (0.1 * np.random.default_rng(3).standard_normal(3 * RATE + 77)).astype(np.float32)
SIZES = (1, 159, 5000, 16_000, 7, 26_910)


def in_blocks(path: Path, wave: np.ndarray, **options: object) -> object:
    with SoundWriter(path, RATE, **options) as writer:  # type: ignore[arg-type]
        at = 0
        for size in SIZES:
            writer.append(wave[..., at : at + size])
            at += size
        assert at == wave.shape[-1] and not path.exists()
        return writer.finish()


@pytest.mark.parametrize(("suffix", "encoding"), [(".wav", "pcm16"), (".flac", "pcm24"), (".wav", "float")])
def test_blocks_give_the_file_of_the_whole(tmp_path: Path, suffix: str, encoding: str) -> None:
    tags = {"seed": "7", "prompt": "rain"}
    report = in_blocks(tmp_path / f"a{suffix}", NOISE, encoding=encoding, tags=tags)
    whole = save_sound(tmp_path / f"b{suffix}", NOISE, RATE, encoding=encoding, tags=tags)  # type: ignore[arg-type]
    one, other = (soundfile.read(tmp_path / f"{name}{suffix}", dtype="float32")[0] for name in "ab")
    assert np.array_equal(one, other) and len(one) == len(NOISE)
    assert (report.samples, report.seconds, report.messages) == (whole.samples, whole.seconds, [])  # type: ignore[attr-defined]
    assert report.peak_dbfs == pytest.approx(whole.peak_dbfs, abs=1e-4)  # type: ignore[attr-defined]
    assert read_tags(tmp_path / f"a{suffix}") == tags


@pytest.mark.parametrize("suffix", [".ogg", ".opus", ".mp3", ".m4a"])
def test_every_kind_of_file(tmp_path: Path, suffix: str) -> None:
    in_blocks(tmp_path / f"a{suffix}", NOISE, tags={"seed": "7"})
    wave, rate = read_sound(tmp_path / f"a{suffix}")
    assert abs(wave.shape[1] / rate - len(NOISE) / RATE) < 0.09
    assert read_tags(tmp_path / f"a{suffix}") == {"seed": "7"}


@pytest.mark.parametrize("rate", [48_000, 44_100, 8_000])
def test_another_rate_has_the_right_length_and_sound(tmp_path: Path, rate: int) -> None:
    report = in_blocks(tmp_path / "a.wav", NOISE, to_rate=rate, channels=2, encoding="float")
    wave, found = read_sound(tmp_path / "a.wav")
    assert found == rate and wave.shape == (2, round(len(NOISE) * rate / RATE))
    save_sound(tmp_path / "b.wav", NOISE, RATE, to_rate=rate, channels=2, encoding="float")
    assert np.abs(wave - read_sound(tmp_path / "b.wav")[0]).max() < 2e-3
    assert report.messages == [  # type: ignore[attr-defined]
        f"resampled from 16000 to {rate} Hz", "2 identical channels from a mono sound",
    ]  # fmt: skip


def test_peaks_are_held_where_they_are(tmp_path: Path) -> None:
    wave = NOISE.copy()
    wave[20_000:21_000] *= 20
    report = in_blocks(tmp_path / "a.wav", wave, encoding="float")
    written, _ = read_sound(tmp_path / "a.wav")
    assert np.abs(written).max() <= 1 and np.array_equal(written[0, :19_000], wave[:19_000])
    assert "peaks held at full scale" in report.messages[0] and report.peak_dbfs == 0  # type: ignore[attr-defined]


def test_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), SoundWriter(path, RATE) as writer:
        writer.append(NOISE)
        raise ZeroDivisionError
    with pytest.raises(MediaError, match="was not finished"), SoundWriter(path, RATE) as writer:
        writer.append(NOISE)
    bad = NOISE.copy()
    bad[9] = np.nan
    with pytest.raises(NonFiniteError, match="sample 9"), SoundWriter(path, RATE) as writer:
        writer.append(bad)
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_what_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="unknown kind of sound file"):
        SoundWriter(tmp_path / "a.xyz", RATE)
    with pytest.raises(OptionError, match=r"float samples need a \.wav"):
        SoundWriter(tmp_path / "a.flac", RATE, encoding="float")
    (tmp_path / "in.wav").touch()
    with (
        pytest.raises(MediaError, match="is the input itself"),
        SoundWriter(tmp_path / "in.wav", RATE, never=tmp_path / "in.wav"),
    ):
        pass
    with (
        pytest.raises(MediaError, match="cannot be written"),
        SoundWriter(tmp_path / "in.wav" / "b.wav", RATE),
    ):
        pass
