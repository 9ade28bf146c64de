"""Files of many kinds: streams that begin anywhere, have gaps, no timestamps, covers, several tracks, odd
formats.
"""

from __future__ import annotations

import io
import os
import threading
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from clips import LOSSLESS, Clips, grey, luma_ramp, moving, tone, write_picture, write_video

from soundvcm.errors import MediaError, OptionError
from soundvcm.media import read_frames
from soundvcm.media.read.resize import FrameResizer
from soundvcm.records import FrameSpec

SPECS = {"sync": FrameSpec(Fraction(25), None, None)}
KINDS = {
    "a.mp4": ("libx264", "yuv420p"), "a.mov": ("prores_ks", "yuv422p10le"), "a.mkv": ("ffv1", "yuv444p16le"),
    "a.webm": ("libvpx-vp9", "yuv420p"), "a.avi": ("mpeg4", "yuv420p"), "a.ts": ("libx264", "yuv420p"),
    "a.flv": ("flv", "yuv420p"), "a.mpg": ("mpeg2video", "yuv420p"), "a.nut": ("ffv1", "gray"),
    "a.asf": ("msmpeg4", "yuv420p"), "a.ogv": ("libvpx", "yuv420p"), "a.m2ts": ("mpeg2video", "yuv422p"),
    "b.mkv": ("mjpeg", "yuvj444p"), "b.mov": ("png", "rgba"), "b.avi": ("rawvideo", "bgr24"),
    "c.mkv": ("libx264rgb", "rgb24"),
    "b.mp4": ("libsvtav1", "yuv420p10le"),
}  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_any_container_and_pixel_format(tmp_path: Path, name: str) -> None:
    codec, form = KINDS[name]
    kind = "ogg" if name.endswith("ogv") else "mpegts" if name.endswith("m2ts") else None
    draw = lambda k: grey(10 * k, 64, 64)  # noqa: E731
    options = {"preset": "10"} if codec == "libsvtav1" else None
    path = write_video(tmp_path / name, draw, 25, 25, codec=codec, pix_fmt=form, kind=kind, options=options)
    footage = read_frames(path, SPECS)
    assert footage.seconds == 1, footage.warnings
    light = footage.frames["sync"].float().mean(dim=(1, 2, 3))
    assert (light - torch.arange(0, 250, 10)).abs().max() < 6


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts", ".nut"])
@pytest.mark.parametrize("first", [0, 250, 90_000, -20])
def test_streams_begin_anywhere(tmp_path: Path, suffix: str, first: int) -> None:
    if first < 0 and suffix == ".mkv":
        pytest.skip("Matroska shifts them itself")
    path = write_video(
        tmp_path / f"a{suffix}", luma_ramp(range(50)), 50, 25, options=LOSSLESS, first_tick=first
    )
    footage = read_frames(path, SPECS)
    shown = (footage.frames["sync"].float().mean(dim=(1, 2, 3)) / 1.1643).round().int().tolist()
    assert len(shown) == (30 if first < 0 and suffix == ".mp4" else 50)  # an edit list hides what is before 0
    assert footage.seconds == Fraction(len(shown), 25) and shown == list(range(50 - len(shown), 50))
    part = read_frames(path, SPECS, start="0.4", seconds="0.2")
    assert part.times["sync"] == [Fraction(k, 25) for k in range(10, 15)]


def test_gaps_are_held(tmp_path: Path) -> None:
    ticks = [*range(10), *range(60, 70)]
    for suffix in (".mp4", ".mkv", ".ts"):
        path = write_video(tmp_path / f"a{suffix}", luma_ramp(ticks), 20, 25, options=LOSSLESS, ticks=ticks)
        footage = read_frames(path, SPECS)
        shown = (footage.frames["sync"].float().mean(dim=(1, 2, 3)) / 1.1643).round().int().tolist()
        assert footage.seconds == Fraction(70, 25)
        assert shown == [*range(10), *[9] * 50, *range(60, 70)]


def test_no_timestamps_at_all(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.h264", moving, 50, 25)
    footage = read_frames(path, SPECS)
    assert footage.seconds == 2
    part = read_frames(path, SPECS, start=1, seconds="0.4")
    assert (part.frames["sync"] == footage.frames["sync"][25:35]).all()


def with_cover(path: Path, video: bool) -> Path:
    """A file whose first picture stream is an album cover."""
    from av.stream import Disposition

    cover = write_picture(path.with_name("cover.png"), moving(3, 400, 300), "rgb24")
    with av.open(str(path), "w") as out:
        picture = out.add_stream("png", rate=25)
        picture.width, picture.height, picture.pix_fmt = 400, 300, "rgb24"
        picture.disposition = Disposition.attached_pic
        stream: Any = out.add_stream("libx264", rate=25, options={"preset": "ultrafast"}) if video else None
        if video:
            stream.width, stream.height, stream.pix_fmt = 32, 24, "yuv420p"
        sound = out.add_stream("aac", rate=16_000, layout="mono")
        with av.open(str(cover)) as container:
            frame = next(container.decode(video=0))
        frame.pts, frame.time_base = 0, Fraction(1, 25)
        out.mux(picture.encode(frame))
        for k in range(25 if video else 0):
            small = av.VideoFrame.from_ndarray(moving(k), format="rgb24")
            small.pts, small.time_base = k, Fraction(1, 25)
            out.mux(stream.encode(small))
        if video:
            out.mux(stream.encode(None))
        wave = tone(1, 16_000)
        for at in range(0, 15_000, 1024):
            block = av.AudioFrame.from_ndarray(wave[None, at : at + 1024], format="fltp", layout="mono")
            block.sample_rate, block.pts, block.time_base = 16_000, at, Fraction(1, 16_000)
            out.mux(sound.encode(block))
        out.mux(sound.encode(None))
    return path


def test_cover_art_is_not_the_video(tmp_path: Path) -> None:
    footage = read_frames(with_cover(tmp_path / "a.mp4", video=True), SPECS)
    assert (footage.info.width, footage.info.height, footage.info.video_streams) == (32, 24, 1)
    assert footage.seconds == 1
    with pytest.raises(MediaError, match=r"only a cover picture \(it is a sound file\)"):
        read_frames(with_cover(tmp_path / "b.mp4", video=False), SPECS)


def test_sound_files_and_text_are_refused(tmp_path: Path) -> None:
    from soundvcm.media import save_sound

    save_sound(tmp_path / "a.wav", tone(1), 48_000)
    with pytest.raises(MediaError, match=r"a\.wav: holds no pictures \(it is a sound file\)"):
        read_frames(tmp_path / "a.wav", SPECS)
    (tmp_path / "notes.txt").write_text("some words\n" * 50)
    with pytest.raises(MediaError, match=r"notes\.txt: not a readable media file"):
        read_frames(tmp_path / "notes.txt", SPECS)


def test_several_video_streams(tmp_path: Path) -> None:
    path = tmp_path / "two.mkv"
    with av.open(str(path), "w") as out:
        streams = []
        for width, height in ((32, 24), (64, 48)):
            stream: Any = out.add_stream("ffv1", rate=25)
            stream.width, stream.height, stream.pix_fmt = width, height, "bgr0"
            streams.append(stream)
        for k in range(10):
            for stream in streams:
                frame = av.VideoFrame.from_ndarray(moving(k, stream.width, stream.height), format="rgb24")
                frame.pts, frame.time_base = k, Fraction(1, 25)
                out.mux(stream.encode(frame.reformat(format="bgr0")))
        for stream in streams:
            out.mux(stream.encode(None))
    footage = read_frames(path, SPECS)
    assert footage.info.width == 64 and "2 video streams: using stream 1" in footage.warnings[0]


class OnlyRead(io.RawIOBase):
    """A pipe: it can be read, not sought."""

    def __init__(self, data: bytes) -> None:
        self.inner = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self.inner.readinto(buffer)


def test_bytes_files_and_pipes(clips: Clips, tmp_path: Path) -> None:
    path = clips("fast.mp4")
    right = read_frames(path, SPECS).frames["sync"]
    data = path.read_bytes()
    opened = io.BytesIO(data)
    opened.seek(1000)  # somebody looked at it before
    with path.open("rb") as real:
        for source in (data, bytearray(data), opened, real, OnlyRead(data), str(path), os.fspath(path)):
            assert (read_frames(source, SPECS).frames["sync"] == right).all()
    part = read_frames(OnlyRead(data), SPECS, start=3, seconds=1)
    assert (part.frames["sync"] == right[75:100]).all()
    with pytest.raises(MediaError, match="cannot be looped"):
        read_frames(OnlyRead(data), SPECS, seconds=9, beyond="loop")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_named_pipes(clips: Clips, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.mp4"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(clips("fast.mp4").read_bytes()))
    writer.start()
    assert read_frames(pipe, SPECS).seconds == 4
    writer.join()


def test_an_object_that_only_carries_a_path(clips: Clips) -> None:
    class Upload:
        name = str(clips("short25.mp4"))

    assert read_frames(Upload(), SPECS).seconds == 1


def test_ranges(clips: Clips) -> None:
    path = clips("short61.mp4")
    with pytest.raises(MediaError, match=r"start 3 s lies beyond its end \(2\.440 s\)"):
        read_frames(path, SPECS, start=3)
    with pytest.raises(OptionError, match="must not be negative"):
        read_frames(path, SPECS, start=-1)
    with pytest.raises(OptionError, match="more than 0 s"):
        read_frames(path, SPECS, seconds=0)
    with pytest.raises(OptionError, match="fps is only for frames"):
        read_frames(path, SPECS, fps=3)
    shorter = read_frames(path, SPECS, start=1, seconds=8)
    assert shorter.seconds == Fraction(36, 25) and "lasts 2.440 s, 9 s asked" in shorter.warnings[0]
    with pytest.raises(MediaError, match="9 s asked"):
        read_frames(path, SPECS, start=1, seconds=8, beyond="refuse")
    looped = read_frames(path, SPECS, seconds=8, beyond="loop")
    whole = read_frames(path, SPECS).frames["sync"]
    assert looped.frames["sync"].shape[0] == 200 and (looped.frames["sync"][61:122] == whole).all()
    assert read_frames(path, SPECS, seconds="2.4405").seconds == Fraction(
        "2.4405"
    )  # within a millisecond: no fuss


def test_several_threads_read_at_once(clips: Clips) -> None:
    path = clips("fps30.mp4")
    right = read_frames(path, SPECS).frames["sync"]
    found: list[bool] = []

    def work() -> None:
        found.append(bool((read_frames(path, SPECS).frames["sync"] == right).all()))

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert found == [True] * 4


def test_facts(clips: Clips) -> None:
    facts = read_frames(clips("fps2997.mp4"), SPECS).info
    assert facts.frame_rate == Fraction(30000, 1001) and facts.codec == "h264" and facts.pix_fmt == "yuv420p"
    assert facts.claimed_seconds == Fraction(1001, 125) and facts.start_time == 0
    assert facts.as_dict()["width"] == 32


def test_changing_size_within_a_stream(tmp_path: Path) -> None:
    parts = [
        write_video(tmp_path / f"{k}.ts", lambda n, k=k: moving(n, 32 * k, 32 * k), 10, 25) for k in (1, 2)
    ]
    both = tmp_path / "both.ts"
    both.write_bytes(b"".join(part.read_bytes() for part in parts))
    footage = read_frames(both, {"sync": FrameSpec(Fraction(25), 16, 16, "cover")})
    assert footage.frames["sync"].shape[1:] == (16, 16, 3)
    assert footage.seconds == Fraction(20, 25) and np.ndim(footage.warnings) == 1


def test_pictures_that_nobody_looks_at_are_not_scaled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every fourth of 8 a second, from 30, 3 and 8 a second: those stay; each is scaled once at most."""
    scaled: list[int] = []
    plain = FrameResizer.__call__

    def counted(self: FrameResizer, *given: Any) -> Any:
        scaled.append(1)
        return plain(self, *given)

    monkeypatch.setattr(FrameResizer, "__call__", counted)
    draw = np.random.default_rng(0)
    for rate, most in ((30, 6), (3, 6), (8, 6)):
        source = draw.integers(0, 256, (rate * 3, 16, 16, 3), np.uint8)
        found = {}
        for every in (1, 4):
            scaled.clear()
            found[every] = read_frames(source, {"any": FrameSpec(Fraction(8), 8, 8, every=every)}, fps=rate)
        assert len(scaled) <= most
        one, four = found[1].frames["any"], found[4].frames["any"]
        assert one.shape == four.shape and torch.equal(one[::4], four[::4])
