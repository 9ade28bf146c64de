"""Tracks in a coding that has no decoder: left out and said, never a fault of ours."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clips import decoded_sound, moving, packet_md5, tone, write_video

from soundvcm.errors import MediaError
from soundvcm.media import mux, probe, read_frames, read_sound, read_tags, windows
from soundvcm.records import FrameSpec

SPECS = {"sync": FrameSpec(Fraction(25), 8, 8)}
NEW = tone(1, 16_000, pitch=1000)
LEFT_OUT = "1 sound track(s) in an unknown coding left out"


def patched(path: Path, old: bytes, new: bytes) -> Path:
    """The file with one name of a coding overwritten everywhere."""
    data = path.read_bytes()
    assert old in data and len(old) == len(new)
    path.write_bytes(data.replace(old, new))
    return path


def strange_sound(folder: Path, suffix: str) -> Path:
    """25 pictures, 1 s, with a sound track that no decoder knows."""
    if suffix == ".mkv":
        sounds = [(tone(1), 48_000, "flac")]
        return patched(write_video(folder / "in.mkv", moving, 25, sounds=sounds), b"A_FLAC", b"A_XLAC")
    sounds = [(tone(1), 48_000, "pcm_s16le")]
    path = write_video(folder / "in.avi", moving, 25, codec="mpeg4", sounds=sounds)
    data = bytearray(path.read_bytes())
    at = data.index(b"strf", data.index(b"auds")) + 8  # wFormatTag of WAVEFORMATEX: 1 is PCM
    assert data[at : at + 2] == b"\x01\x00"
    data[at : at + 2] = b"\xee\xee"
    path.write_bytes(data)
    return path


def strange_pictures(folder: Path, suffix: str) -> Path:
    """A sound track and pictures that no decoder knows."""
    names = {".mkv": (b"V_MPEG4/ISO/AVC", b"V_XPEG4/ISO/AVC"), ".mp4": (b"avc1", b"qqq1")}
    path = write_video(folder / f"in{suffix}", moving, 25, sounds=[(tone(1), 48_000, "aac")])
    return patched(path, *names[suffix])


@pytest.mark.parametrize("suffix", [".avi", ".mkv"])
def test_pictures_are_read_and_the_track_does_not_count(tmp_path: Path, suffix: str) -> None:
    path = strange_sound(tmp_path, suffix)
    footage = read_frames(path, SPECS)
    assert footage.seconds == 1 and footage.frames["sync"].shape[0] == 25
    assert footage.info.audio_streams == 0 and footage.info.unknown_streams == 1
    assert [part.seconds for part in windows(path, SPECS, 1, 1)] == [1]
    found = probe(path)
    assert found["audio_streams"] == 0 and found["unknown_streams"] == 1
    assert found["warnings"] == [f"in{suffix}: 1 track(s) in an unknown coding: not used"]


@pytest.mark.parametrize("suffix", [".avi", ".mkv"])
def test_its_sound_cannot_be_read(tmp_path: Path, suffix: str) -> None:
    path = strange_sound(tmp_path, suffix)
    with pytest.raises(MediaError, match="sound track"):
        read_sound(path)
    assert read_tags(path) == {}


@pytest.mark.parametrize("existing", ["replace", "mix", "keep"])
@pytest.mark.parametrize("suffix", [".avi", ".mkv"])
def test_the_result_has_the_new_sound_alone(tmp_path: Path, suffix: str, existing: str) -> None:
    path = strange_sound(tmp_path, suffix)
    report = mux(path, NEW, 16_000, tmp_path / "out.mkv", existing=existing)
    assert probe(report.path)["audio_streams"] == 1 and packet_md5(report.path) == packet_md5(path)
    wave, rate, _ = decoded_sound(report.path)
    assert rate == 16_000 and np.abs(wave[0] - NEW).max() <= 1 / 32_768
    assert (LEFT_OUT in report.messages) == (existing != "replace")
    assert (f"no sound there to {existing}" in report.messages) == (existing != "replace")


@pytest.mark.parametrize("existing", ["mix", "keep"])
def test_a_known_track_beside_it_is_used(tmp_path: Path, existing: str) -> None:
    sounds = [(tone(1), 48_000, "pcm_s16le"), (tone(1, pitch=880), 48_000, "flac")]
    path = write_video(tmp_path / "in.mkv", moving, 25, sounds=sounds)
    patched(path, b"A_PCM/INT/LIT", b"A_XXM/INT/LIT")
    old, rate = read_sound(path)
    assert probe(path)["audio_streams"] == 1 and np.argmax(np.abs(np.fft.rfft(old[0]))) == 880
    report = mux(path, np.zeros(rate, np.float32), rate, tmp_path / "out.mkv", existing=existing)
    assert LEFT_OUT in report.messages and not any("no sound" in line for line in report.messages)
    wave, _, _ = decoded_sound(report.path)
    assert np.abs(wave - old).max() <= 1 / 32_768
    assert probe(report.path)["audio_streams"] == (1 if existing == "mix" else 2)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_pictures_in_an_unknown_coding_are_refused_as_that(tmp_path: Path, suffix: str) -> None:
    path = strange_pictures(tmp_path, suffix)
    right = rf"in{suffix}: holds pictures in a coding that cannot be decoded: give a video"
    with pytest.raises(MediaError, match=right):
        read_frames(path, SPECS)
    with pytest.raises(MediaError, match=right):
        mux(path, NEW, 16_000, tmp_path / "out.mkv")
    assert read_sound(path)[1] == 48_000
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_of_two_picture_tracks_the_known_one_is_used(tmp_path: Path) -> None:
    import av

    path = tmp_path / "two.mkv"
    with av.open(str(path), "w") as out:
        streams = [out.add_stream(codec, rate=25) for codec in ("libx264", "mpeg4")]
        for stream, side in zip(streams, (64, 32), strict=True):
            stream.width, stream.height, stream.pix_fmt = side, side, "yuv420p"
        for k in range(10):
            for stream in streams:
                frame = av.VideoFrame.from_ndarray(moving(k, stream.width, stream.height), format="rgb24")
                frame.pts, frame.time_base = k, Fraction(1, 25)
                out.mux(stream.encode(frame))
        for stream in streams:
            out.mux(stream.encode(None))
    patched(path, b"V_MPEG4/ISO/AVC", b"V_XPEG4/ISO/AVC")
    footage = read_frames(path, SPECS)
    assert footage.info.width == 32 and footage.info.video_streams == 1
    assert footage.warnings == ["two.mkv: 1 track(s) in an unknown coding: not used"]


def test_the_command_says_it(tmp_path: Path) -> None:
    path = strange_sound(tmp_path, ".avi")
    command = [sys.executable, "-m", "soundvcm.cli.main", "probe", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "unknown_streams    1" in done.stdout and "1 track(s) in an unknown coding" in done.stderr


def test_times_beyond_64_bits_are_our_error(tmp_path: Path) -> None:
    from soundvcm.media.read.source import open_media
    from soundvcm.media.write.encode_sound import open_output

    path = write_video(tmp_path / "in.mkv", moving, 25)
    with pytest.raises(MediaError, match=r"in\.mkv: cannot be read"), open_media(path) as container:
        container.seek(1 << 70)
    with pytest.raises(MediaError, match=r"out\.mkv: cannot be written"), open_output(tmp_path / "out.mkv"):
        raise OverflowError("int too big to convert")
