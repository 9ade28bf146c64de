"""Case 55: what stands beside the packets is kept, moved and cut for a part; what is left out is named."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition
from clips import moving, tone, write_video

from soundvcm.media import mux, read_tags
from soundvcm.media.write.containers import has_dolby_vision

SILENCE = np.zeros(4 * 16_000, np.float32)
FACTS = {"title": "My holiday", "creation_time": "2024-05-06T07:08:09.000000Z", "artist": "me"}
CHAPTERS = [(0, 2000, "one"), (2000, 4000, "two")]
LINES = [(500, 2000, "Hello"), (2500, 3500, "Bye")]


def rich(path: Path, *, font: bool = False, timecode: str | None = None) -> Path:
    """Four seconds with title, date, chapters, subtitles (mov_text in mp4, SRT in mkv), marks, a font."""
    sounds = [(tone(4), 48_000, "aac"), (tone(4, pitch=880), 48_000, "aac")]
    how = {"preset": "ultrafast", "g": "25"}
    plain = write_video(path.with_name("plain.mkv"), moving, 100, 25, options=how, sounds=sounds)
    mp4 = path.suffix in (".mp4", ".mov")
    with av.open(str(plain)) as source, av.open(str(path), "w") as out:
        out.metadata.update(FACTS)
        copies = {}
        for stream in source.streams:
            copies[stream.index] = out.add_stream_from_template(stream, opaque=True)
        copies[0].metadata["language"] = "fre"
        copies[0].disposition = Disposition.default
        if timecode is not None:
            copies[0].metadata["timecode"] = timecode
        copies[1].disposition = Disposition.default
        copies[2].disposition = Disposition.comment
        copies[2].metadata.update({"language": "ger", "title": "commentary"})
        words = out.add_mux_stream("mov_text" if mp4 else "subrip")
        words.time_base = Fraction(1, 1000)
        words.metadata["language"] = "fre"
        if font:
            out.add_attachment("a.ttf", "font/ttf", b"\0\1\0\0" * 16)
        out.set_chapters([
            {"id": k + 1, "start": a, "end": b, "time_base": Fraction(1, 1000), "metadata": {"title": name}}
            for k, (a, b, name) in enumerate(CHAPTERS)
        ])  # fmt: skip
        packets = [packet for packet in source.demux() if packet.size]
        for begin, end, text in LINES:
            data = text.encode()
            packet = av.Packet(len(data).to_bytes(2, "big") + data if mp4 else data)
            packet.stream, packet.time_base = words, Fraction(1, 1000)
            packet.pts = packet.dts = begin
            packet.duration = end - begin
            packets.append(packet)
        packets.sort(key=lambda packet: packet.dts * packet.time_base if packet.dts is not None else -1)
        for packet in packets:
            if packet.stream is not words:
                packet.stream = copies[packet.stream.index]
            out.mux(packet)
    return path


def facts_of(container: Any) -> dict[str, str | None]:
    told = {name.lower(): value for name, value in container.metadata.items()}
    return {name: told.get(name) for name in FACTS}


def found(path: Path) -> dict[str, Any]:
    with av.open(str(path)) as container:
        zero = next(container.decode(video=0)).time
    with av.open(str(path)) as container:
        lines = []
        for stream in container.streams.subtitles:
            for packet in container.demux(stream):
                text = bytes(packet)
                if packet.size > 2:
                    text = text[2:] if stream.codec_context.name == "mov_text" else text
                    lines.append(
                        (round(float(packet.pts * packet.time_base) * 1000), text.decode(errors="ignore"))
                    )
            break
        base = [(c["start"] * c["time_base"], c["end"] * c["time_base"]) for c in container.chapters()]
        return {
            "facts": facts_of(container),
            "chapters": [
                (round(float(a) * 1000), round(float(b) * 1000), c["metadata"]["title"])
                for (a, b), c in zip(base, container.chapters(), strict=True)
            ],
            "lines": [line for line in lines if line[1].strip("\0\n")],
            "picture": container.streams.video[0].disposition, "sounds": len(container.streams.audio),
            "languages": [s.metadata.get("language") for s in container.streams if s.type != "audio"],
            "zero": zero, "kinds": [stream.type for stream in container.streams],
            "timecode": [s.metadata.get("timecode") for s in container.streams.video][0],
        }  # fmt: skip


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_a_copy_is_the_same_clip(tmp_path: Path, suffix: str) -> None:
    source = rich(tmp_path / f"rich{suffix}")
    report = mux(
        source, SILENCE, 16_000, tmp_path / f"out{suffix}", tags={"software": "soundvcm", "prompt": "rain"}
    )
    before, after = found(source), found(report.path)
    assert report.copied and read_tags(report.path)["prompt"] == "rain"
    for name in ("facts", "chapters", "lines", "picture"):
        assert after[name] == before[name], name
    assert after["chapters"] == CHAPTERS and len(after["lines"]) == 2 and after["facts"] == FACTS
    assert after["picture"] & Disposition.default and after["languages"] == before["languages"]
    assert not any("left out" in line for line in report.messages)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_part_has_its_part(tmp_path: Path, suffix: str) -> None:
    source = rich(tmp_path / f"rich{suffix}")
    report = mux(source, SILENCE[:32_000], 16_000, tmp_path / f"o{suffix}", start="1.2", seconds=2)
    after, lead = found(report.path), round(report.picture_lead * 1000)
    assert after["chapters"] == [(0, 800 + lead, "one"), (800 + lead, 2000 + lead, "two")]
    assert [(at, text) for at, text in after["lines"]] == [(lead, "Hello"), (1300 + lead, "Bye")]
    assert after["facts"] == FACTS


PAIRS = [(".mp4", ".mkv"), (".mkv", ".mp4"), (".mkv", ".mov"), (".mkv", ".webm")]


@pytest.mark.parametrize(("source", "output"), PAIRS)
def test_what_does_not_fit_is_named(tmp_path: Path, source: str, output: str) -> None:
    clip = rich(tmp_path / f"rich{source}", font=source == ".mkv")
    report = mux(clip, SILENCE, 16_000, tmp_path / f"out{output}")
    after = found(report.path)
    assert after["chapters"] == CHAPTERS and after["facts"]["title"] == FACTS["title"]
    left = [line for line in report.messages if "left out" in line]
    assert any("subtitle" in line for line in left)
    assert source != ".mkv" or any("attachment" in line for line in left)


def test_attachments_stay_in_matroska(tmp_path: Path) -> None:
    report = mux(rich(tmp_path / "rich.mkv", font=True), SILENCE, 16_000, tmp_path / "out.mkv")
    assert "attachment" in found(report.path)["kinds"]


def test_kept_tracks_keep_their_marks(tmp_path: Path) -> None:
    report = mux(rich(tmp_path / "rich.mkv"), SILENCE, 16_000, tmp_path / "out.mkv", existing="keep")
    with av.open(str(report.path)) as container:
        first, second, new = container.streams.audio
        assert first.disposition & Disposition.default and second.disposition & Disposition.comment
        assert second.metadata["language"] == "ger" and second.metadata["title"] == "commentary"
        assert not new.disposition & Disposition.default


TIMES = [("0", "10:00:00:00"), ("1", "10:00:01:00"), ("1.2", "10:00:01:05")]


@pytest.mark.parametrize(("start", "right"), TIMES)
def test_timecode_moves_with_the_start(tmp_path: Path, start: str, right: str) -> None:
    source = rich(tmp_path / "rich.mov", timecode="10:00:00:00")
    report = mux(source, SILENCE[:16_000], 16_000, tmp_path / "out.mov", start=start, seconds=1)
    assert found(report.path)["timecode"] == right


PHONE = {
    "com.apple.quicktime.make": "A",
    "com.apple.quicktime.location.ISO6709": "+48.8577+002.295/",
    "title": "T",
}
LOST = [
    (".mp4", {"title": "T", "odd": "1", "comment": "mine"}, {"odd", "comment"}),
    (".mkv", {"title": "T", "odd": "1", "comment": "mine"}, {"comment"}),
    (".avi", {"title": "T", "odd": "1"}, {"odd"}),
    (".mov", PHONE, set()),
    (".mp4", PHONE, set()),
]  # fmt: skip


@pytest.mark.parametrize(("suffix", "told", "lost"), LOST)
def test_metadata_is_kept_or_named(tmp_path: Path, suffix: str, told: dict[str, str], lost: set[str]) -> None:
    codec, home = ("mpeg4", ".mkv") if suffix == ".avi" else ("libx264", ".mov")
    plain = write_video(tmp_path / "plain.mkv", moving, 10, 25, codec=codec, options={})
    source = tmp_path / f"in{home}"
    flags = {"movflags": "use_metadata_tags"} if home == ".mov" else {}
    with av.open(str(plain)) as old, av.open(str(source), "w", options=flags) as out:
        out.metadata.update(told)
        copy = out.add_stream_from_template(old.streams.video[0], opaque=True)
        for packet in old.demux(video=0):
            if packet.size:
                packet.stream = copy
                out.mux(packet)
    report = mux(source, SILENCE[:6400], 16_000, tmp_path / f"out{suffix}", tags={"software": "soundvcm"})
    assert report.path.suffix == suffix and read_tags(report.path)["software"] == "soundvcm"
    line = [line for line in report.messages if line.startswith("metadata left out")]
    named = {name.lower() for name in line[0].split(": ")[1].split(", ")} if line else set()
    with av.open(str(report.path)) as container:
        after = {name.lower(): value for name, value in container.metadata.items()}
    assert named == lost
    for name, value in told.items():
        assert name in lost or after[name.lower()] == value


def with_record(path: Path, output: Path) -> Path:
    """An MP4 with HEVC pictures, and a Dolby Vision record (profile 8.4) put beside their headers."""
    data = path.read_bytes()
    end = data.index(b"hvcC") - 4
    end += int.from_bytes(data[end : end + 4], "big")
    box = (32).to_bytes(4, "big") + b"dvvC" + bytes([1, 0, 8 << 1, 4 << 3 | 0b101, 4 << 4]) + bytes(19)
    out, place, begin, stop = bytearray(data[:end] + box + data[end:]), end, 0, len(data) + len(box)
    inner = {b"stsd": 16, b"hvc1": 86, b"hev1": 86}
    while begin < stop:  # the boxes around it grow
        size, kind = int.from_bytes(out[begin : begin + 4], "big"), bytes(out[begin + 4 : begin + 8])
        if not begin < place - 8 < begin + size:
            begin += size
            continue
        if kind == b"hvcC":
            break
        out[begin : begin + 4] = (size + len(box)).to_bytes(4, "big")
        begin, stop = begin + inner.get(kind, 8), begin + size + len(box)
    output.write_bytes(out)
    return output


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_a_dolby_vision_record_is_kept_or_named(tmp_path: Path, suffix: str) -> None:
    how = {"preset": "ultrafast", "x265-params": "log-level=none"}
    plain = write_video(
        tmp_path / "plain.mp4", lambda k: moving(k, 96, 64), 10, 25, codec="libx265", options=how
    )
    source = with_record(plain, tmp_path / "dolby.mp4")

    def recorded(path: Path) -> bool:
        with av.open(str(path)) as container:
            return has_dolby_vision(container.streams.video[0])

    assert recorded(source) and not recorded(plain)
    report = mux(source, SILENCE[:6400], 16_000, tmp_path / f"out{suffix}")
    told = any("Dolby Vision" in line for line in report.messages)
    assert report.copied and recorded(report.path) == (suffix != ".mov") and told == (suffix == ".mov")
