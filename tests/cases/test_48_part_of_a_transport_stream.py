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
SOUND_RATE = 48_000
STARTS = ("1", "2.3", "4.6")
KINDS = {
    "mp4": ("libx264", "mp4", "aac"), "ts": ("libx264", "mpegts", "aac"),
    "mkv": ("libx264", "matroska", "flac"), "mov": ("libx265", "mov", "aac"),
    "avi": ("mpeg4", "avi", "pcm_s16le"), "b.avi": ("libx264", "avi", "pcm_s16le"),
    "vob": ("mpeg2video", "vob", "mp2"), "mpg": ("mpeg2video", "mpeg", "mp2"),
    "mxf": ("libx264", "mxf", "pcm_s16le"), "webm": ("libvpx-vp9", "webm", "libopus"),
    "wmv": ("wmv2", "asf", None), "flv": ("flv", "flv", "aac"),
    "h264": ("libx264", "h264", None), "m2v": ("mpeg2video", "mpeg2video", None),
}  # fmt: skip
_HOW = {
    "libx264": {"preset": "veryfast"}, "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8"},
    "libx265": {"preset": "ultrafast", "x265-params": "log-level=none:keyint=25:bframes=3"},
}  # fmt: skip
WAVE = click(16_000, 2)
CLICKS = np.zeros(8 * SOUND_RATE, np.float32)
for _second in range(1, 8):
    CLICKS[_second * SOUND_RATE : _second * SOUND_RATE + 120] = 0.9


def bar(number: int) -> np.ndarray:
    """A bar 8 pixels wide that moves 8 pixels a picture, 40 places: every picture tells its number."""
    picture = np.zeros((64, 320, 3), np.uint8)
    left = number % 40 * 8
    picture[:, left : left + 8] = 255
    return picture


def shown(path: Path) -> list[tuple[Fraction, int]]:
    """(time, number) of the pictures of a file."""
    found = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            column = frame.to_ndarray(format="gray").mean(axis=0)
            found.append((frame.pts * frame.time_base, int(column.argmax()) // 8))
    return found


def click_times(path: Path, track: int) -> list[float]:
    """When clicks begin, s since the first picture."""
    wave, rate, begin = decoded_sound(path, track)
    loud = np.flatnonzero(np.abs(wave).max(axis=0) > 0.3)
    return [float(begin) + at / rate for k, at in enumerate(loud) if k == 0 or at - loud[k - 1] > rate // 4]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bars")


def clip(folder: Path, kind: str, **options: str) -> Path:
    codec, form, sound = KINDS[kind]
    path = folder / f"bar{'-'.join(options)}.{kind}"
    if not path.exists():
        how = {"g": "25", **_HOW.get(codec, {}), **options}
        frames = 2 if codec == "libx264" and form != "h264" else 0
        sounds = [] if sound is None else [(CLICKS, SOUND_RATE, sound)]
        write_video(path, bar, 200, RATE, codec=codec, options=how, kind=form, b_frames=frames, sounds=sounds)
    return path


@pytest.mark.parametrize("output", [".mp4", ".mkv"])
@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("kind", KINDS)
def test_clicks_and_flashes(folder: Path, tmp_path: Path, kind: str, start: str, output: str) -> None:
    """At each moment the picture is the right one to one frame; clicks, old and new, lie within 1 ms."""
    source, begin = clip(folder, kind), Fraction(start)
    report = mux(source, WAVE, 16_000, tmp_path / f"part{output}", start=start, seconds=2, existing="keep")
    seen, lead = shown(report.path), report.picture_lead
    zero = lead + (0 if report.path.suffix in (".mp4", ".mov") else seen[0][0])
    slack = 0 if (begin * RATE).denominator == 1 else 1  # a start between two pictures
    for k in range(2 * RATE):
        moment = Fraction(2 * k + 1, 2 * RATE)
        number = [number for time, number in seen if time - zero <= moment][-1]
        right = int((begin + moment) * RATE) % 40
        assert min((number - right) % 40, (right - number) % 40) <= slack, (report, float(moment), seen)
    assert abs(report.seconds - 2) <= Fraction(1, RATE)
    has_sound = KINDS[kind][2] is not None
    away = float(zero - seen[0][0])
    new = click_times(report.path, int(has_sound))
    assert len(new) == 1 and abs(new[0] - away - 1) < 0.001, (report, new)
    if has_sound:
        told = click_times(source, 0)
        right_times = [time - float(begin) for time in told if 0.03 < time - float(begin) < 1.95]
        old = [time - away for time in click_times(report.path, 0)]
        old = [time for time in old if 0.03 < time < 1.95]
        assert len(old) == len(right_times), (report, old, right_times)
        assert np.abs(np.subtract(old, right_times)).max() < 0.001, (report, old, right_times)


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
            codec, form, _ = KINDS[kind]
            how = {"preset": "veryfast", **options}
            write_video(source, bar, 200, RATE, codec=codec, options=how, kind=form, b_frames=3)
    report = mux(source, WAVE, 16_000, tmp_path / "part.mp4", start="3.2", seconds=2)
    decoded = read_frames(report.path, {"any": FrameSpec(Fraction(RATE), None, None)})
    straight = read_frames(source, {"any": FrameSpec(Fraction(RATE), None, None)}, start="3.2", seconds=2)
    one, other = decoded.frames["any"][:45].float(), straight.frames["any"][:45].float()
    assert (one - other).abs().mean() < 4, (report, (one - other).abs().mean(dim=(1, 2, 3)))
