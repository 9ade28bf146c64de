"""Case 51: pictures that are encoded anew keep how they are shown: shape, range, colours, HDR facts."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.codec.context import Flags
from clips import moving

from soundvcm.media import inspect, mux

SILENCE = np.zeros(16_000, np.float32)
BT709, BT601, BT2020 = (1, 1, 1), (6, 6, 6), (9, 9, 16)  # matrix, primaries, transfer (ITU-T H.273)


def shaped(
    path: Path,
    *,
    aspect: Fraction = Fraction(1),
    colours: tuple[int, int, int] | None = None,
    full: bool = False,
    pix_fmt: str = "yuv420p",
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    turn: int = 0,
) -> Path:
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=25, options=options or {"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, pix_fmt
        context = stream.codec_context
        context.sample_aspect_ratio = aspect
        context.color_range = 2 if full else 1
        if colours is not None:
            context.colorspace, context.color_primaries, context.color_trc = colours
        if turn:
            stream.set_display_rotation(turn)
        for k in range(25):
            frame = av.VideoFrame.from_ndarray(moving(k, 96, 64), format="rgb24").reformat(format=pix_fmt)
            frame.pts, frame.time_base = k, Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def look(path: Path) -> dict[str, Any]:
    """What ffprobe says of a file's pictures."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frame = next(container.decode(stream))
        context = stream.codec_context
        return {
            "aspect": stream.sample_aspect_ratio or Fraction(1), "range": context.color_range,
            "colours": (context.colorspace, context.color_primaries, context.color_trc),
            "rotation": frame.rotation, "size": (frame.width, frame.height), "format": frame.format.name,
        }  # fmt: skip


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm", ".avi"])
@pytest.mark.parametrize("aspect", [Fraction(16, 15), Fraction(4, 3), Fraction(64, 45), Fraction(8, 9)])
def test_the_shape_of_pixels(tmp_path: Path, suffix: str, aspect: Fraction) -> None:
    source = shaped(tmp_path / "in.mp4", aspect=aspect)
    report = mux(source, SILENCE, 16_000, tmp_path / f"out{suffix}", start="0.2", seconds="0.4", cut="exact")
    assert not report.copied and report.path.suffix == suffix
    found = look(report.path)
    assert look(source)["aspect"] == aspect
    width, height = found["size"]
    assert abs(width * found["aspect"] / height - 96 * aspect / 64) < Fraction(1, 32)  # WebM: square pixels
    assert suffix == ".webm" or found["aspect"] == aspect


def test_a_turned_picture_has_its_shape_turned(tmp_path: Path) -> None:
    source = shaped(tmp_path / "in.mp4", aspect=Fraction(4, 3), turn=90)
    report = mux(source, SILENCE, 16_000, tmp_path / "o.mp4", start="0.2", seconds="0.4", cut="exact")
    found = look(report.path)
    assert (found["aspect"], found["size"], found["rotation"]) == (Fraction(3, 4), (64, 96), 0)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
@pytest.mark.parametrize("colours", [BT709, BT601])
@pytest.mark.parametrize("full", [False, True])
def test_range_and_colours(tmp_path: Path, suffix: str, colours: tuple[int, int, int], full: bool) -> None:
    source = shaped(tmp_path / "in.mp4", colours=colours, full=full)
    report = mux(source, SILENCE, 16_000, tmp_path / f"o{suffix}", start="0.2", seconds="0.4", cut="exact")
    before, after = look(source), look(report.path)
    assert (after["range"], after["colours"]) == (before["range"], before["colours"])
    one, other = picture(source, 5), picture(report.path, 0)
    assert np.abs(one - other).mean() < 7  # a wrong range would be 16 levels


def picture(path: Path, number: int) -> np.ndarray:
    with av.open(str(path)) as container:
        frames = [frame for _, frame in zip(range(number + 1), container.decode(video=0), strict=False)]
    return frames[-1].to_ndarray(format="rgb24").astype(float)


def test_a_full_range_is_squeezed_where_none_is_told(tmp_path: Path) -> None:
    source = shaped(tmp_path / "in.mp4", full=True)
    report = mux(source, SILENCE, 16_000, tmp_path / "o.avi", start="0.2", seconds="0.4", cut="exact")
    assert np.abs(picture(source, 5) - picture(report.path, 0)).mean() < 7


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
def test_hdr_stays_hdr(tmp_path: Path, suffix: str) -> None:
    display = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
    params = f"log-level=none:master-display={display}:max-cll=1000,400:hdr10=1:repeat-headers=1"
    how = {"preset": "ultrafast", "x265-params": params}
    source = shaped(tmp_path / "in.mkv", colours=BT2020, pix_fmt="yuv420p10le", codec="libx265", options=how)
    report = mux(source, SILENCE, 16_000, tmp_path / f"o{suffix}", start="0.2", seconds="0.4", cut="exact")
    before, after = look(source), look(report.path)
    assert after["colours"] == before["colours"] == BT2020
    if suffix != ".webm":  # libvpx of PyAV knows 8 bits only: told in one line
        assert after["format"] == "yuv420p10le"
        assert mastering(report.path) == mastering(source) != {}


def mastering(path: Path) -> dict[str, bytes]:
    from soundvcm.media.read.resize import side_data

    with av.open(str(path)) as container:
        beside = side_data(next(container.decode(video=0)))
    names = ("MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL")
    return {name: beside[name][: 80 if "MASTER" in name else 8] for name in names if name in beside}


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".avi", ".webm"])
@pytest.mark.parametrize("first", ["tff", "bff"])
def test_interlaced_pictures_stay_interlaced(tmp_path: Path, first: str, suffix: str) -> None:
    source = tmp_path / "in.mkv"
    with av.open(str(source), "w") as out:
        stream = out.add_stream(
            "libx264", rate=25, options={"preset": "ultrafast", "x264-params": f"{first}=1"}
        )
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.codec_context.flags |= Flags.interlaced_dct
        for k in range(25):
            frame = av.VideoFrame.from_ndarray(moving(k, 96, 64), format="rgb24")
            frame.pts, frame.time_base = k, Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    order = {"tff": ("tt", "bt"), "bff": ("bb", "tb")}[first]
    assert inspect(source).fields in order
    report = mux(source, SILENCE, 16_000, tmp_path / f"o{suffix}", start="0.2", seconds="0.4", cut="exact")
    assert not report.copied
    if suffix == ".webm":
        assert any("interlaced" in line for line in report.messages)
    elif suffix == ".avi":  # MPEG-4 tells it of each picture only
        assert inspect(report.path).fields != "progressive"
    else:
        assert inspect(report.path).fields in order
    assert not any("interlaced" in line for line in report.messages) or suffix == ".webm"


def test_a_copy_keeps_it_all(tmp_path: Path) -> None:
    source = shaped(tmp_path / "in.mp4", aspect=Fraction(16, 15), colours=BT709)
    report = mux(source, SILENCE, 16_000, tmp_path / "o.mp4")
    assert report.copied and look(report.path) == look(source)
