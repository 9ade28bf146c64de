"""Which file holds what."""

from __future__ import annotations

from pathlib import Path

import pytest

from soundvcm.errors import OptionError
from soundvcm.media.suffixes import VIDEO_OUTPUTS
from soundvcm.media.write.containers import (
    choose_container,
    ffmpeg_format,
    fitting_output,
    holds_sound,
    sound_encoder,
)
from soundvcm.media.write.encode_sound import codec_rate


@pytest.mark.parametrize(
    ("codec", "wanted", "alpha", "suffix", "copy"),
    [
        ("h264", ".mp4", False, ".mp4", True), ("h264", ".MP4", False, ".mp4", True),
        ("h264", ".mkv", False, ".mkv", True),
        ("h264", ".webm", False, ".mp4", True), ("ffv1", ".mp4", False, ".mkv", True),
        ("prores", ".mp4", False, ".mov", True),
        ("vp9", ".mp4", True, ".webm", True), ("vp9", ".mp4", False, ".mp4", True),
        ("vp8", ".mp4", False, ".webm", True),
        ("gif", ".mp4", False, ".mp4", False), ("av1", ".webm", False, ".webm", True),
        ("av1", ".avi", False, ".mp4", True), ("mjpeg", ".avi", False, ".avi", True),
        ("theora", ".mov", False, ".mkv", True),
        ("vp9", ".mkv", True, ".mkv", True), ("strange", ".mkv", False, ".mkv", False),
    ],
)  # fmt: skip
def test_choices(codec: str, wanted: str, alpha: bool, suffix: str, copy: bool) -> None:
    tried = lambda suffix: codec not in ("gif", "strange")  # noqa: E731
    choice = choose_container(codec, wanted, alpha=alpha, fits=tried)
    assert (choice.suffix, choice.copy) == (suffix, copy)
    assert (choice.message is None) == (suffix == wanted.lower() and copy)
    kept = choose_container(codec, wanted, alpha=alpha, may_rename=False, fits=tried)
    assert kept.suffix == wanted.lower()
    assert fitting_output(Path("a.b") / f"x.y{wanted}", choice).suffix.lower() == suffix


def test_sound_codecs() -> None:
    assert [sound_encoder(suffix) for suffix in VIDEO_OUTPUTS] == [
        "aac", "aac", "aac", "libopus", "flac", "pcm_s16le"
    ]  # fmt: skip
    assert sound_encoder(".mkv", "pcm") == "pcm_s16le" and sound_encoder(".mp4", "opus") == "libopus"
    with pytest.raises(OptionError, match=r"\.webm .*aac"):
        sound_encoder(".webm", "aac")
    assert holds_sound(".mp4", "aac") and holds_sound(".mkv", "anything") and holds_sound(".webm", "vorbis")
    assert not holds_sound(".mp4", "pcm_s16le") and not holds_sound(".webm", "aac")
    assert ffmpeg_format(".mkv") == "matroska"


@pytest.mark.parametrize(
    ("codec", "rate", "right"),
    [("aac", 16_000, 16_000), ("aac", 17_000, 22_050), ("aac", 192_000, 96_000), ("libopus", 44_100, 48_000),
     ("libopus", 16_000, 16_000), ("flac", 12_345, 12_345), ("libmp3lame", 96_000, 48_000)],
)  # fmt: skip
def test_rates(codec: str, rate: int, right: int) -> None:
    assert codec_rate(codec, rate) == right


def test_rates_out_of_range() -> None:
    for rate in (0, 999, 10**7):
        with pytest.raises(OptionError):
            codec_rate("flac", rate)
