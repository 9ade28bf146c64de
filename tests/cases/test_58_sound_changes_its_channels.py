"""Case 58: a track is not its first frame: channels, rate and clock may change within it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from clips import moving, write_video

from soundvcm.data.clip_sound import read_clip
from soundvcm.errors import OptionError
from soundvcm.evaluation.preparing import Length, prepare
from soundvcm.media import SoundReader, mux, read_sound, save_sound

RATE = 48_000


def sound_frames(
    out: av.container.OutputContainer, track: object, wave: np.ndarray, layout: str, rate: int, first: int
) -> None:  # fmt: skip
    """Encode [s] into every channel."""
    channels, size = av.AudioLayout(layout).nb_channels, 1024
    for at in range(0, len(wave) - size + 1, size):
        data = np.ascontiguousarray(np.tile(wave[at : at + size], (channels, 1)).astype(np.float32))
        frame = av.AudioFrame.from_ndarray(data, format="fltp", layout=layout)
        frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
        frame.pts = first + at
        out.mux(track.encode(frame))  # type: ignore[attr-defined]
    out.mux(track.encode(None))  # type: ignore[attr-defined]


def part(path: Path, layout: str, second: int | Fraction, rate: int = RATE, codec: str = "aac") -> bytes:
    """Two seconds of a transport stream that begin at `second`, with a click 1 s into them."""
    with av.open(str(path), "w", format="mpegts", options={"mpegts_copyts": "1"}) as out:
        video = out.add_stream("libx264", rate=25, options={"preset": "ultrafast", "bf": "0", "g": "25"})
        video.width, video.height, video.pix_fmt = 32, 24, "yuv420p"
        track = out.add_stream(codec, rate=rate, layout=layout)
        for k in range(50):
            frame = av.VideoFrame.from_ndarray(moving(k), format="rgb24")
            frame.pts, frame.time_base = int(k + 25 * second), Fraction(1, 25)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        wave = np.zeros(2 * rate, np.float32)
        wave[rate : rate + rate // 400] = 0.9
        sound_frames(out, track, wave, layout, rate, int(second * rate))
    return path.read_bytes()


def clicks(wave: np.ndarray, rate: int) -> list[float]:
    loud = np.flatnonzero(np.abs(wave).max(axis=0) > 0.2)
    starts = [loud[0], *(b for a, b in zip(loud, loud[1:], strict=False) if b - a > rate // 4)]
    return [start / rate for start in starts]


@pytest.mark.parametrize(("first", "second"), [("stereo", "5.1"), ("5.1", "stereo"), ("mono", "stereo")])
def test_a_recording_that_changes(tmp_path: Path, first: str, second: str) -> None:
    path = tmp_path / "change.ts"
    path.write_bytes(part(tmp_path / "a.ts", first, 0) + part(tmp_path / "b.ts", second, 2))
    wave, rate = read_sound(path)
    assert wave.shape[0] == av.AudioLayout(first).nb_channels and rate == RATE
    assert np.allclose(clicks(wave, rate), [1, 3], atol=0.03)
    report = mux(path, np.zeros(4 * 16_000, np.float32), 16_000, tmp_path / "o.mkv", existing="mix")
    assert np.allclose(clicks(*read_sound(report.path)), [1, 3], atol=0.03)
    raw = read_clip(path, Fraction(0), Fraction(3))
    assert raw.wave.shape == (wave.shape[0], 3 * RATE)
    assert prepare(path, 16_000, Length(3.0)).seconds == 3


def test_the_rate_changes(tmp_path: Path) -> None:
    path = tmp_path / "rates.ts"
    path.write_bytes(part(tmp_path / "a.ts", "stereo", 0) + part(tmp_path / "b.ts", "stereo", 2, 44_100))
    wave, rate = read_sound(path)
    assert rate == RATE and np.allclose(clicks(wave, rate), [1, 3], atol=0.03)


@pytest.mark.parametrize("order", [("m", "s"), ("s", "m")])
def test_damaged_mp3(tmp_path: Path, order: tuple[str, str]) -> None:
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 2 * RATE).astype(np.float32)
    save_sound(tmp_path / "m.mp3", noise, RATE)
    save_sound(tmp_path / "s.mp3", np.stack([noise, noise]), RATE)
    both = tmp_path / "both.mp3"
    both.write_bytes(b"".join((tmp_path / f"{name}.mp3").read_bytes() for name in order))
    wave, rate = read_sound(both)
    assert wave.shape[0] == (1 if order[0] == "m" else 2) and abs(wave.shape[1] / rate - 4) < 0.2
    first, last = wave[:, RATE : RATE + 9600], wave[:, 3 * RATE : 3 * RATE + 9600]
    assert abs(np.sqrt((first**2).mean()) / np.sqrt((last**2).mean()) - 1) < 0.05


@pytest.mark.parametrize("channels", [3, 6, 8, 16])
@pytest.mark.parametrize("encoding", ["PCM_16", "FLOAT"])
def test_surround(tmp_path: Path, channels: int, encoding: str) -> None:
    """7.1 and more too, which PyAV crashes on where samples lie in planes."""
    wave = np.random.default_rng(4).integers(-16_000, 16_000, (channels, 4000)).astype(np.float32) / 32768
    soundfile.write(tmp_path / "a.wav", wave.T, 16_000, subtype=encoding)
    assert np.array_equal(read_sound(tmp_path / "a.wav")[0], wave)
    with SoundReader(tmp_path / "a.wav", channels=2) as reader:
        assert reader.rest().shape == (2, 4000)
    if channels <= 8:
        save_sound(tmp_path / "b.flac", wave, 16_000)
        assert np.array_equal(read_sound(tmp_path / "b.flac")[0], wave)


@pytest.mark.parametrize(("suffix", "channels"), [(".mp3", 6), (".opus", 3), (".m4a", 8)])
def test_channels_that_a_codec_does_not_hold(tmp_path: Path, suffix: str, channels: int) -> None:
    with pytest.raises(OptionError, match="channels"):
        save_sound(tmp_path / f"a{suffix}", np.zeros((channels, 800), np.float32), 16_000)
    assert list(tmp_path.iterdir()) == []


def test_mono_into_stereo_keeps_its_level(tmp_path: Path) -> None:
    wave = np.random.default_rng(1).uniform(-0.5, 0.5, RATE).astype(np.float32)
    save_sound(tmp_path / "m.wav", wave, RATE, encoding="float")
    with SoundReader(tmp_path / "m.wav", channels=2) as reader:
        assert (reader.rest() == wave).all() and reader.channels == 2


@pytest.mark.parametrize("second", [Fraction(8, 5), Fraction(12, 5), Fraction(9, 5)])
def test_gaps_and_overlaps(tmp_path: Path, second: Fraction) -> None:
    """What is left out stays silent; what comes again is not heard twice."""
    path = tmp_path / "holes.ts"
    path.write_bytes(part(tmp_path / "a.ts", "mono", 0) + part(tmp_path / "b.ts", "mono", second))
    found, rate = read_sound(path)
    assert np.allclose(clicks(found, rate), [1, float(second + 1)], atol=0.03)
    assert abs(found.shape[1] / rate - second - 2) < 0.1


@pytest.mark.parametrize("speed", ["1.004", "0.996", "1.01"])
def test_a_clock_that_runs_fast_or_slow_is_followed(tmp_path: Path, speed: str) -> None:
    """The times of the packets count, not the number of samples: 8 s are 32 or 80 ms away at their end."""
    path, factor = tmp_path / "drift.mka", Fraction(speed)
    wave = np.zeros(8 * RATE, np.float32)
    for second in range(1, 8):
        wave[second * RATE : second * RATE + RATE // 400] = 0.9
    with av.open(str(path), "w", format="matroska") as out:
        track = out.add_stream("flac", rate=RATE, layout="mono")
        for at in range(0, len(wave), 1024):
            data = np.rint(wave[None, at : at + 1024] * 32767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(data), format="s16", layout="mono")
            frame.sample_rate, frame.time_base, frame.pts = RATE, Fraction(1, RATE), at
            for packet in track.encode(frame):
                packet.pts = packet.dts = round(packet.pts * factor)
                out.mux(packet)
        out.mux(track.encode(None))
    found = np.array(clicks(*read_sound(path)))
    assert len(found) == 7
    assert np.abs(found - np.arange(1, 8) * float(factor)).max() < 0.008


def test_a_steady_clock_changes_no_sample(tmp_path: Path) -> None:
    """Times rounded to milliseconds are no drift."""
    wave = np.random.default_rng(2).uniform(-0.5, 0.5, 44_100 * 6)
    wave = np.rint(wave * 32768) / 32768
    source = tmp_path / "in.mkv"
    write_video(source, moving, 150, 25, sounds=[(wave.astype(np.float32), 44_100, "flac")])
    assert np.array_equal(read_sound(source)[0][0], wave.astype(np.float32))


def test_a_bad_file_does_not_stop_the_set(tmp_path: Path) -> None:
    """Its neighbours are used; it is used itself, or rejected with a reason."""
    good = write_video(tmp_path / "good.mp4", moving, 50, 25)
    assert good.exists()
    path = tmp_path / "change.ts"
    path.write_bytes(part(tmp_path / "a.ts", "stereo", 0) + part(tmp_path / "b.ts", "5.1", 2))
    data = bytearray(path.read_bytes())
    generator = np.random.default_rng(3)
    for _ in range(30):
        broken = bytearray(data)
        for at in generator.integers(0, len(data), 40):
            broken[at] = int(generator.integers(0, 256))
        path.write_bytes(broken)
        try:
            wave, _ = read_sound(path)
        except ValueError as error:  # MediaError is one
            assert "change.ts" in str(error)
        else:
            assert wave.ndim == 2
