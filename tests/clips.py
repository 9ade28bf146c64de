"""Small media files for tests, made with PyAV alone: no ffmpeg command, nothing stored in the repository."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

FAST = {"preset": "ultrafast"}
LOSSLESS = {"preset": "ultrafast", "qp": "0"}
RATES = {
    "1": 1,
    "8": 8,
    "10": 10,
    "12": 12,
    "15": 15,
    "16": 16,
    "24": 24,
    "25": 25,
    "30": 30,
    "50": 50,
    "60": 60,
}
FILM = {"23976": (Fraction(24000, 1001), 192), "2997": (Fraction(30000, 1001), 240)}
RAMP = [*range(60), *range(60, 120, 3)]


def grey(value: int, width: int = 32, height: int = 24) -> np.ndarray[Any, Any]:
    return np.full((height, width, 3), value, dtype=np.uint8)


def moving(index: int, width: int = 32, height: int = 24) -> np.ndarray[Any, Any]:
    """A bright bar that moves over a gradient, so that every picture differs."""
    picture = np.zeros((height, width, 3), dtype=np.uint8)
    picture[..., 0] = np.linspace(0, 200, width).astype(np.uint8)
    picture[..., 1] = np.linspace(0, 200, height).astype(np.uint8)[:, None]
    left = index % width
    picture[:, left : left + max(1, width // 8)] = 255
    return picture


def red_over_blue(index: int) -> np.ndarray[Any, Any]:
    picture = np.zeros((36, 64, 3), dtype=np.uint8)
    picture[:18, :, 0] = 255
    picture[18:, :, 2] = 255
    return picture


def tone(
    seconds: float, rate: int = 48_000, pitch: float = 440.0, level: float = 0.25
) -> np.ndarray[Any, Any]:
    return (level * np.sin(2 * np.pi * pitch * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def click(rate: int, seconds: float) -> np.ndarray[Any, Any]:
    wave = np.zeros(round(seconds * rate), dtype=np.float32)
    wave[rate : rate + round(0.0025 * rate)] = 0.9
    return wave


def write_video(
    path: Path,
    draw: Callable[[int], np.ndarray[Any, Any]],
    count: int,
    rate: Fraction | int = 25,
    *,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
    ticks: Sequence[int] | None = None,
    tail: int = 1,
    turn: int = 0,
    sounds: Sequence[tuple[np.ndarray[Any, Any], int, str]] = (),
    faststart: bool = False,
    kind: str | None = None,
    first_tick: int = 0,
    b_frames: int = 0,
) -> Path:
    """A video; picture k is shown at ticks[k] / rate (k / rate if not given), the last one for `tail` ticks.

    `sounds` holds (wave [s], rate, encoder); `turn` is rotation metadata in degrees counter-clockwise.
    """
    settings = dict(FAST if options is None and codec == "libx264" else options or {})
    if codec == "libx264":
        settings["bf"] = str(b_frames)
    times = list(range(count)) if ticks is None else list(ticks)
    flags = {"movflags": "+faststart"} if faststart else {}
    with av.open(str(path), "w", format=kind, options=flags) as out:
        stream = out.add_stream(codec, rate=Fraction(rate), options=settings)
        first = draw(0)
        planar = first.ndim == 2
        stream.height, stream.width = (first.shape[0] * 2 // 3, first.shape[1]) if planar else first.shape[:2]
        stream.pix_fmt = pix_fmt
        stream.codec_context.time_base = 1 / Fraction(rate)
        if turn:
            stream.set_display_rotation(turn)
        tracks = []
        for wave, sound_rate, encoder in sounds:
            track = out.add_stream(encoder, rate=sound_rate, layout="mono")
            tracks.append((track, wave, sound_rate))
        last = max(times)
        for k, tick in enumerate(times):
            frame = av.VideoFrame.from_ndarray(draw(k), format="yuv420p" if planar else "rgb24")
            frame.pts, frame.time_base = tick + first_tick, 1 / Fraction(rate)
            _mux_video(out, stream.encode(frame), rate, last + first_tick, tail)
        _mux_video(out, stream.encode(None), rate, last + first_tick, tail)
        for track, wave, sound_rate in tracks:
            _mux_sound(out, track, wave, sound_rate)
    return path


def _mux_video(out: Any, packets: list[Any], rate: Fraction | int, last: int, tail: int) -> None:
    for packet in packets:
        tick = 1 / Fraction(rate) / packet.time_base
        if round(packet.pts / tick) == last:
            packet.duration = round(tail * tick)
        out.mux(packet)


def _mux_sound(out: Any, track: Any, wave: np.ndarray[Any, Any], rate: int) -> None:
    context = track.codec_context
    form = "fltp" if "fltp" in str(context.format.name) else context.format.name
    size = context.frame_size or 1024
    for at in range(0, len(wave), size):
        part = wave[at : at + size][None]
        if form != "fltp":
            part = np.rint(part * 32768).clip(-32768, 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(part), format=form, layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, at, Fraction(1, rate)
        out.mux(track.encode(frame))
    out.mux(track.encode(None))


def write_picture(path: Path, array: np.ndarray[Any, Any], form: str) -> Path:
    """A png (or what the suffix says) in the pixel format given."""
    codec = {".png": "png", ".jpg": "mjpeg", ".webp": "libwebp"}[path.suffix]
    with av.open(str(path), "w", format="image2", options={"update": "1"}) as out:
        stream = out.add_stream(codec, rate=1)
        stream.height, stream.width = array.shape[:2]
        stream.pix_fmt = form
        frame = av.VideoFrame.from_ndarray(array, format="rgb24").reformat(format=form)
        frame.pts = 0
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def write_gif(path: Path, count: int = 20, rate: int = 10) -> Path:
    return write_video(path, lambda k: moving(k), count, rate, codec="gif", pix_fmt="rgb8")


def luma_ramp(numbers: Sequence[int]) -> Callable[[int], np.ndarray[Any, Any]]:
    """Pictures whose luma is 16 + their number (planar yuv420p arrays, case 05)."""

    def draw(k: int) -> np.ndarray[Any, Any]:
        picture = np.full((24 * 3 // 2, 32), 128, dtype=np.uint8)
        picture[:24] = 16 + numbers[k]
        return picture

    return draw


def packet_md5(path: Path) -> str:
    """MD5 of the first video stream's packets, as the container hands them out."""
    digest = hashlib.md5()
    with av.open(str(path)) as container:
        for packet in container.demux(container.streams.video[0]):
            digest.update(bytes(packet))
    return digest.hexdigest()


def decoded_sound(path: Path, track: int = 0) -> tuple[np.ndarray[Any, Any], int, Fraction]:
    """([c, s] float32, rate, time of the first sample - time of the first picture) as a player gets it."""
    with av.open(str(path)) as container:
        first = next(container.decode(video=0)) if container.streams.video else None
        zero = Fraction(0) if first is None else first.pts * first.time_base
    blocks, begin, rate = [], None, 0
    with av.open(str(path)) as container:
        resampler = av.AudioResampler(format="fltp")
        for frame in container.decode(audio=track):
            rate = frame.sample_rate
            if begin is None:
                begin = frame.pts * frame.time_base
            blocks += [part.to_ndarray() for part in resampler.resample(frame)]
    return np.concatenate(blocks, axis=1), rate, (begin or Fraction(0)) - zero


def shown_times(path: Path) -> list[Fraction]:
    """Times of the decoded pictures, in order."""
    with av.open(str(path)) as container:
        return [frame.pts * frame.time_base for frame in container.decode(video=0)]


class Clips:
    """Files by name, each made when first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, name: str) -> Path:
        path = self.folder / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            _make(path, self)
        return path


def _make(path: Path, clips: Clips) -> None:
    name = path.stem
    if name.startswith("fps"):
        rate, count = FILM.get(name[3:], (RATES.get(name[3:], 0), 8 * RATES.get(name[3:], 0)))
        write_video(path, moving, count, rate, faststart=True)
    elif name.startswith("short"):
        write_video(path, moving, int(name[5:]), 25)
    elif name == "event9":
        write_video(path, lambda k: grey(255 if k >= 270 else 0), 300, 30)
    elif name == "ramp_vfr":
        write_video(path, luma_ramp(RAMP), len(RAMP), 30, options=LOSSLESS, ticks=RAMP)
    elif name.startswith("rot"):
        write_video(path, red_over_blue, 10, 25, turn={"90": 90, "180": 180, "270": -90}[name[3:]])
    elif name == "withaudio":
        write_video(path, moving, 100, 25, sounds=[(tone(4), 48_000, "aac")])
    elif name == "longaudio":
        write_video(path, moving, 100, 25, sounds=[(tone(7), 48_000, "aac")])
    elif name == "twoaudio":
        write_video(
            path,
            moving,
            100,
            25,
            sounds=[(tone(4, 44_100), 44_100, "aac"), (tone(4, 44_100, 880), 44_100, "aac")],
        )
    elif name == "flacaudio":
        write_video(path, moving, 50, 25, sounds=[(tone(2), 48_000, "flac")])
    elif name == "fast":
        write_video(path, lambda k: moving(k, 96, 72), 100, 25, faststart=True)
    elif name == "trunc_fast":
        path.write_bytes(_cut(clips("fast.mp4"), 0.6))
    elif name == "trunc_nomoov":
        full = write_video(path.with_name("full.mp4"), lambda k: moving(k, 96, 72), 100, 25)
        path.write_bytes(_cut(full, 0.6))
    elif name == "anim":
        write_gif(path)
    else:
        raise KeyError(name)


def _cut(path: Path, share: float) -> bytes:
    data = path.read_bytes()
    return data[: int(len(data) * share)]
