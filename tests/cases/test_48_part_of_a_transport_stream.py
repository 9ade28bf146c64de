"""Case 48: a part begins with a whole picture at the asked time, whatever the container does on a seek."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from clips import click, decoded_sound, write_video

from soundvcm.media import mux, read_frames
from soundvcm.records import FrameSpec

RATE = 25
STARTS = ("1", "2.3", "3.7", "5")
KINDS = {
    "mp4": ("libx264", "mp4"), "ts": ("libx264", "mpegts"), "mkv": ("libx264", "matroska"),
    "avi": ("mpeg4", "avi"), "vob": ("mpeg2video", "vob"), "mpg": ("mpeg2video", "mpeg"),
    "wmv": ("wmv2", "asf"),
    "flv": ("flv", "flv"), "h264": ("libx264", "h264"), "m2v": ("mpeg2video", "mpeg2video"),
}  # fmt: skip
WAVE = click(16_000, 2)


def bar(number: int) -> np.ndarray:
    """A bar 8 pixels wide that moves 8 pixels a picture, 40 places: every picture tells its number."""
    picture = np.zeros((64, 320, 3), np.uint8)
    left = number % 40 * 8
    picture[:, left : left + 8] = 255
    return picture


def numbers(path: Path, lead: Fraction) -> list[tuple[Fraction, int]]:
    """(time, number) of the pictures that a player shows from `lead` on."""
    found = []
    with av.open(str(path)) as container:
        zero = None
        for frame in container.decode(video=0):
            time = frame.pts * frame.time_base
            zero = time if zero is None else zero
            column = frame.to_ndarray(format="gray").mean(axis=0)
            found.append((time, int(column.argmax()) // 8))
    return [(time, number) for time, number in found if time >= lead]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bars")


def clip(folder: Path, kind: str, **options: str) -> Path:
    codec, form = KINDS[kind]
    path = folder / f"bar{'-'.join(options)}.{kind}"
    if not path.exists():
        how = {"g": "25", **({"preset": "veryfast"} if codec == "libx264" else {}), **options}
        frames = 2 if codec == "libx264" and form != "h264" else 0
        write_video(path, bar, 200, RATE, codec=codec, options=how, kind=form, b_frames=frames)
    return path


@pytest.mark.parametrize("output", [".mp4", ".mkv"])
@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_first_picture_is_the_asked_one(
    folder: Path, tmp_path: Path, kind: str, start: str, output: str
) -> None:
    source = clip(folder, kind)
    report = mux(source, WAVE, 16_000, tmp_path / f"part{output}", start=start, seconds=2)
    first = round(float(start) * RATE + 0.499)
    # A start between two pictures begins with the one on screen, as a player would show it.
    seen = numbers(report.path, report.picture_lead)
    screen = int(Fraction(start) * RATE)
    assert seen[0][0] - report.picture_lead < Fraction(1, RATE), (report, seen[:3])
    assert seen[0][1] in (screen % 40, first % 40), (report, seen[:3])
    assert abs(len(seen) - 50) <= 5 and abs(report.seconds - 2) < Fraction(1, 5)
    _, _, begin = decoded_sound(report.path)
    assert abs(begin - report.picture_lead) < Fraction(1, 1000)


@pytest.mark.parametrize(
    "options",
    [{"x264-params": "open-gop=1:bframes=3:keyint=25"}, {"x264-params": "intra-refresh=1:keyint=50"}],
)
@pytest.mark.parametrize("kind", ["mp4", "ts", "mkv"])
def test_open_groups_and_intra_refresh(
    folder: Path, tmp_path: Path, kind: str, options: dict[str, str]
) -> None:
    """Pictures that lean on what is not copied are left out, or the part is encoded anew."""
    source = clip(folder, kind, **options) if kind == "mp4" else None
    if source is None:
        source = folder / f"{'open' if 'open' in str(options) else 'refresh'}.{kind}"
        if not source.exists():
            codec, form = KINDS[kind]
            how = {"preset": "veryfast", **options}
            write_video(source, bar, 200, RATE, codec=codec, options=how, kind=form, b_frames=3)
    report = mux(source, WAVE, 16_000, tmp_path / "part.mp4", start="3.2", seconds=2)
    decoded = read_frames(report.path, {"any": FrameSpec(Fraction(RATE), None, None)})
    straight = read_frames(source, {"any": FrameSpec(Fraction(RATE), None, None)}, start="3.2", seconds=2)
    one, other = decoded.frames["any"][:45].float(), straight.frames["any"][:45].float()
    assert (one - other).abs().mean() < 4, (report, (one - other).abs().mean(dim=(1, 2, 3)))
