"""Case 21: the picture is copied, not re-encoded, when the container allows."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from clips import Clips, decoded_sound, luma_ramp, moving, packet_md5, shown_times, tone, write_video

from soundvcm.media import mux, read_frames
from soundvcm.records import FrameSpec

SILENCE = np.zeros(64_000, np.float32)


@pytest.mark.parametrize("name", ["fast.mp4", "withaudio.mp4", "rot90.mp4", "ramp_vfr.mp4"])
def test_packets_are_the_same(clips: Clips, tmp_path: Path, name: str) -> None:
    report = mux(clips(name), SILENCE, 16_000, tmp_path / "out.mp4")
    assert report.copied and packet_md5(report.path) == packet_md5(clips(name))
    assert shown_times(report.path) == shown_times(clips(name))


def test_b_pictures_and_ten_bits(tmp_path: Path) -> None:
    source = write_video(
        tmp_path / "in.mp4", moving, 124, 25, b_frames=3, options={"preset": "medium"}, pix_fmt="yuv420p10le"
    )
    report = mux(source, SILENCE, 16_000, tmp_path / "out.mp4")
    assert packet_md5(report.path) == packet_md5(source) and shown_times(report.path) == [
        k / Fraction(25) for k in range(124)
    ]


def test_hevc_keeps_the_tag_apple_wants(tmp_path: Path) -> None:
    source = write_video(
        tmp_path / "in.mkv", lambda k: moving(k, 64, 64), 10, 25, codec="libx265",
        options={"preset": "ultrafast", "x265-params": "log-level=none"},
    )  # fmt: skip
    report = mux(source, SILENCE[:6400], 16_000, tmp_path / "out.mp4")
    with av.open(str(report.path)) as container:
        assert container.streams.video[0].codec_context.codec_tag == "hvc1"
    assert report.copied and len(shown_times(report.path)) == 10


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "suffix", "home"),
    [("ffv1", "yuv420p", ".mkv", ".mkv"), ("prores_ks", "yuv422p10le", ".mov", ".mov"),
     ("libvpx-vp9", "yuva420p", ".webm", ".webm"), ("libvpx-vp9", "yuv420p", ".webm", ".mp4"),
     ("libvpx", "yuv420p", ".webm", ".webm")],
)  # fmt: skip
def test_a_container_that_can_hold_them(
    tmp_path: Path, codec: str, pix_fmt: str, suffix: str, home: str
) -> None:
    source = write_video(tmp_path / f"in{suffix}", moving, 10, 25, codec=codec, pix_fmt=pix_fmt)
    report = mux(source, SILENCE[:6400], 16_000, tmp_path / "out.mp4")
    assert report.path == tmp_path / f"out{home}" and report.copied
    assert packet_md5(report.path) == packet_md5(source)
    assert (home == ".mp4") != any(f"written as {home}" in line for line in report.messages)
    if pix_fmt == "yuva420p":
        with av.open(str(report.path)) as container:
            stream = container.streams.video[0]
            assert stream.metadata.get("alpha_mode", stream.metadata.get("ALPHA_MODE")) == "1"


@pytest.mark.parametrize("b_frames", [0, 3])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_the_first_seconds_are_copied_and_the_length_is_told(
    tmp_path: Path, b_frames: int, suffix: str
) -> None:
    how = {"preset": "medium"} if b_frames else None
    source = write_video(tmp_path / f"in{suffix}", moving, 100, 25, b_frames=b_frames, options=how)
    for count in (30, 50, 51, 52, 53):
        seconds = Fraction(count, 25)
        report = mux(
            source,
            np.zeros(round(seconds * 16_000), np.float32),
            16_000,
            tmp_path / f"out{suffix}",
            seconds=seconds,
        )
        assert report.copied
        assert report.seconds == report.picture_seconds == seconds, report
        times = shown_times(report.path)
        assert times[:count] == [k / Fraction(25) for k in range(count)]
        # Pictures behind the end, on which earlier ones lean, pass in its last moments.
        more = times[count:]
        assert len(more) <= 4 and all(seconds - Fraction(1, 100) < time < seconds for time in more)
        assert bool(more) == any("last moments" in line for line in report.messages)
        assert not more or b_frames


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_a_later_start_is_copied_and_exact(tmp_path: Path, suffix: str) -> None:
    numbers = range(100)
    how = {"qp": "0", "preset": "ultrafast", "g": "20"}
    source = write_video(tmp_path / f"in{suffix}", luma_ramp(numbers), 100, 25, options=how)
    report = mux(source, SILENCE[:32_000], 16_000, tmp_path / f"out{suffix}", start="1.2", seconds=2)
    assert report.copied and report.picture_lead == 0 and report.seconds == 2
    footage = read_frames(report.path, {"any": FrameSpec(Fraction(25), None, None)})
    luma = footage.frames["any"].float().mean(dim=(1, 2, 3)) / 1.1643
    assert luma.round().int().tolist() == list(range(30, 80))


def test_a_later_start_in_matroska_leads_in(tmp_path: Path) -> None:
    how = {"qp": "0", "preset": "ultrafast", "g": "20"}
    source = write_video(tmp_path / "in.mkv", luma_ramp(range(100)), 100, 25, options=how)
    wave = np.full(32_000, 0.5, np.float32)
    report = mux(source, wave, 16_000, tmp_path / "out.mkv", start="1.2", seconds=2)
    assert report.copied and report.picture_lead == Fraction(2, 5)
    assert any("0.400 s earlier" in line for line in report.messages)
    _, _, begin = decoded_sound(report.path)
    assert (
        begin == report.picture_lead
    )  # the sound begins at the asked start, the pictures at the key picture before


def test_an_exact_cut_encodes_and_says_so(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mkv", luma_ramp(range(100)), 100, 25, options={"qp": "0"})
    report = mux(source, SILENCE[:32_000], 16_000, tmp_path / "out.mkv", start="1.2", seconds=2, cut="exact")
    assert not report.copied and "pictures encoded anew for an exact cut" in report.messages
    assert len(shown_times(report.path)) == 50 and report.picture_seconds == 2
    footage = read_frames(report.path, {"any": FrameSpec(Fraction(25), None, None)})
    luma = footage.frames["any"].float().mean(dim=(1, 2, 3)) / 1.1643
    assert np.abs(luma.numpy() - np.arange(30, 80)).max() < 2


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_pictures_hidden_by_an_edit_list_are_no_reason_to_encode(tmp_path: Path, suffix: str) -> None:
    """A clip that was cut without encoding begins with pictures and sound that players do not show."""
    how = {"preset": "veryfast", "g": "50"}
    sounds = [(tone(4), 48_000, "aac")]
    whole = write_video(tmp_path / "in.mp4", moving, 100, 25, options=how, sounds=sounds)
    cut = mux(whole, SILENCE[:16_000], 16_000, tmp_path / "cut.mp4", start="1.4", seconds=1, existing="keep")
    assert cut.copied and len(shown_times(cut.path)) == 25
    again = mux(cut.path, SILENCE[:16_000], 16_000, tmp_path / f"o{suffix}", existing="keep")
    assert again.copied and again.path.suffix == suffix
    assert not any("encoded anew" in line for line in again.messages)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_the_last_picture_of_a_range_lasts_until_the_next(tmp_path: Path, suffix: str) -> None:
    """Of variable rate, where the container tells no durations."""
    ticks = [*range(25), *range(25, 100, 3)]
    source = write_video(tmp_path / f"in{suffix}", moving, len(ticks), 25, ticks=ticks)
    report = mux(source, SILENCE[:32_000], 16_000, tmp_path / f"o{suffix}", seconds=2)
    assert report.copied and report.seconds == report.picture_seconds == 2
    assert not any("held" in line for line in report.messages)
