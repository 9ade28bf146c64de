"""Reading 8 s of video: our reader against the bare PyAV loop and the ffmpeg command, time and peak memory.

    python benchmarks/decode.py [--folder DIR] [--repeat 3] [--only "600 s"]

Makes 1080p30, 4K60 and ten-minute files (720p, small pictures) once, then runs every reader in its own
process, in turns, on the same pictures with the same decoder threads. CPU seconds (user and system) count
all threads and are what to compare on a shared machine. "bare + scaling" is the bare loop that also calls
FFmpeg's scaler for the pictures both encoders want and drops what it gets: their price, whoever reads.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from math import ceil
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

FILES = {
    "1080p30, 8 s": ("hd.mp4", 1920, 1080, 30, 8, 0),
    "4K60, 8 s": ("uhd.mp4", 3840, 2160, 60, 8, 0),
    "600 s, first 8 s": ("long.mp4", 1280, 720, 25, 600, 0),
    "600 s, 8 s from 300": ("long.mp4", 1280, 720, 25, 600, 300),
    "600 s of 320x180, first 8 s": ("small.mp4", 320, 180, 25, 600, 0),
}
SCENE_SECONDS = 8  # drawn and encoded; longer files repeat its packets
SECONDS = 8
WANTED = {224: Fraction(8), 64: Fraction(25)}  # side of the small pictures => pictures a second
READERS = {"bare": "bare", "scaled": "bare + scaling", "ours": "ours", "ffmpeg": "ffmpeg"}


def make(path: Path, width: int, height: int, rate: int, seconds: int) -> None:
    grid = np.add.outer(np.arange(height), np.arange(2 * width)).astype(np.uint8)
    texture = grid ^ np.random.default_rng(0).integers(0, 32, grid.shape, dtype=np.uint8)
    with av.open(str(path), "w") as out:
        quality = "28" if seconds < 60 else "40"
        stream = out.add_stream("libx264", rate=rate, options={"preset": "ultrafast", "crf": quality})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        frame = av.VideoFrame(width, height, "yuv420p")
        packets = []
        for k in range(rate * min(seconds, SCENE_SECONDS)):
            left = (4 * k) % width
            planes = [texture[:, left : left + width], texture[: height // 2, left : left + width // 2]]
            for plane, values in zip(frame.planes, [*planes, planes[1]], strict=True):
                rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
                rows[:, : plane.width] = values
            frame.pts, frame.time_base = k, Fraction(1, rate)
            packets += stream.encode(frame)
        packets += stream.encode(None)
        for again in range(seconds // SCENE_SECONDS):
            shift = again * SCENE_SECONDS
            for packet in packets:
                copy = av.Packet(bytes(packet))
                copy.stream, copy.time_base, copy.is_keyframe = stream, packet.time_base, packet.is_keyframe
                copy.pts = packet.pts + int(shift / packet.time_base)
                copy.dts = packet.dts + int(shift / packet.time_base)
                out.mux(copy)


def decoded(path: str, start: int) -> Iterator[tuple[Fraction, Fraction, av.VideoFrame]]:
    """(time, duration, picture) from the key picture before `start` to the end of the range."""
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = min(8, len(os.sched_getaffinity(0)))
        if start:
            container.seek(int(start / stream.time_base), stream=stream)
        for frame in container.decode(stream):
            shown = frame.pts * stream.time_base - start
            if shown >= SECONDS:
                break
            yield shown, 1 / stream.average_rate, frame


def bare(path: str, start: int) -> None:
    """Decode only: what nobody can do faster."""
    for _ in decoded(path, start):
        pass


def scaled(path: str, start: int) -> dict[int, int]:
    """Decode, and scale every picture that is on screen when an encoder looks; how many, by side."""
    flags = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
    scalers, counts = {side: VideoReformatter() for side in WANTED}, dict.fromkeys(WANTED, 0)
    for shown, length, frame in decoded(path, start):
        for side, rate in WANTED.items():
            if shown >= 0 and ceil(shown * rate) < ceil((shown + length) * rate):
                scalers[side].reformat(frame, side, side, "gbrp", interpolation=flags, threads=1)
                counts[side] += 1
    return counts


def ours(path: str, start: int) -> dict[int, int]:
    """The pictures of both encoders of the embedded system."""
    from soundvcm.media import read_frames
    from soundvcm.records import FrameSpec

    specs = {str(side): FrameSpec(rate, side, side) for side, rate in WANTED.items()}
    footage = read_frames(path, specs, start=start, seconds=SECONDS)
    assert all(len(footage.frames[str(side)]) == SECONDS * rate for side, rate in WANTED.items())
    return {side: len(set(footage.times[str(side)])) for side in WANTED}


def ffmpeg(path: str, start: int) -> None:
    """The same pictures by two filters of the ffmpeg command."""
    graph = "split[a][b];[a]fps=8,scale=224:224:flags=bicubic[s];[b]fps=25,scale=64:64:flags=bicubic[y]"
    raw = ["-pix_fmt", "rgb24", "-f", "rawvideo", os.devnull]
    command = ["ffmpeg", "-v", "error", "-y", "-ss", str(start), "-t", str(SECONDS), "-i", path]
    command += ["-filter_complex", graph, "-map", "[s]", *raw, "-map", "[y]", *raw]
    subprocess.run(command, check=True)


def measure(reader: str, path: Path, start: int) -> tuple[float, float, float]:
    """(wall s, CPU s, peak MB) of one run in its own process, less the start of Python and its imports."""
    home, call = str(Path(__file__).parent), (reader, str(path), start)
    code = f"import sys; sys.path.insert(0, {home!r}); import decode; decode.inside{call!r}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    wall, cpu, peak = map(float, done.stdout.split())
    return wall, cpu, peak


def inside(reader: str, path: str, start: int) -> None:
    if reader == "ours":
        from soundvcm import media

        _ = media.read_frames  # loads the reader
    who = resource.RUSAGE_CHILDREN if reader == "ffmpeg" else resource.RUSAGE_SELF
    before, began = resource.getrusage(who), time.perf_counter()
    globals()[reader](path, start)
    after = resource.getrusage(who)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(time.perf_counter() - began, cpu, after.ru_maxrss / 1024 if reader == "ffmpeg" else own_peak())


def own_peak() -> float:
    """Peak MB of this process alone: `ru_maxrss` begins at that of the process that started it."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("bench_media"))
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--only", default="", help="rows whose title holds this text")
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    readers = [one for one in READERS if one != "ffmpeg" or shutil.which("ffmpeg")]
    machine = platform.processor() or platform.machine()
    print(f"{machine}, {os.cpu_count()} cores, PyAV {av.__version__}; best of {chosen.repeat}")
    print("| file | reader | wall s | / bare | CPU s | / bare | peak MB |\n|---|---|---|---|---|---|---|")
    for title, (name, width, height, rate, seconds, start) in FILES.items():
        if chosen.only not in title:
            continue
        path = chosen.folder / name
        if not path.exists():
            make(path, width, height, rate, seconds)
        turns = [{one: measure(one, path, start) for one in readers} for _ in range(chosen.repeat)]
        best = {one: [min(turn[one][k] for turn in turns) for k in (0, 1)] for one in readers}
        for one, (wall, cpu) in best.items():
            walls, cpus = wall / best["bare"][0], cpu / best["bare"][1]
            peak = max(turn[one][2] for turn in turns)
            row = f"{wall:.2f} | {walls:.2f} | {cpu:.2f} | {cpus:.2f} | {peak:.0f}"
            print(f"| {title} | {READERS[one]} | {row} |", flush=True)


if __name__ == "__main__":
    main()
