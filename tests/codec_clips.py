"""A small clip in every picture coding that PyAV can encode, each in a container that holds it; for tests."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

COUNT = 25
#: what people have: tried in every run; the rest only with the slow tests
EVERYDAY = (
    "libx264 libx265 libsvtav1 libvpx libvpx-vp9 mpeg4 mpeg2video mjpeg prores_ks dvvideo wmv2 flv ffv1 "
    "rawvideo png"
).split()
RARE = (
    "amv asv1 cfhd cinepak dnxhd dpx dxv exr ffvhuff flashsv flashsv2 h261 h263 h263p huffyuv "
    "jpeg2000 jpegls libx264rgb ljpeg magicyuv mpeg1video msmpeg4 msmpeg4v2 msvideo1 qtrle r10k "
    "r210 roqvideo rv10 rv20 snow speedhq svq1 targa tiff utvideo v210 v308 v408 v410 wmv1 y41p "
    "yuv4 zlib "
).split()
_HOMES = {
    "libx264rgb": "mov",
    "dnxhd": "mov",
    "dxv": "mov",
    "exr": "mov",
    "qtrle": "mov",
    "tiff": "mov",
    "prores_ks": "mov",
    "rv10": "rm",
    "rv20": "rm",
    "roqvideo": "roq",
    "flashsv2": "flv",
    "wmv2": "asf",
    "wmv1": "asf",
    "flv": "flv",
    "dvvideo": "avi",
    "mpeg4": "avi",
    "libx264": "mp4",
    "libx265": "mp4",
    "libsvtav1": "mp4",
    "libvpx": "webm",
    "libvpx-vp9": "webm",
    "mpeg2video": "mpegts",
    "mjpeg": "avi",
}
_SIZES = {
    "dvvideo": (720, 576),
    "dnxhd": (1280, 720),
    "h261": (176, 144),
    "h263": (176, 144),
    "roqvideo": (256, 256),
    "cfhd": (128, 96),
    "amv": (160, 120),
}
_OPTIONS = {
    "libx264": {"preset": "ultrafast", "bf": "0"},
    "libsvtav1": {"preset": "12"},
    "dnxhd": {"profile": "dnxhr_lb"},
    "libx265": {"preset": "ultrafast", "x265-params": "log-level=none"},
}
_FORMATS = {"dnxhd": "yuv422p", "prores_ks": "yuv422p10le"}


def codec_clip(folder: Path, encoder: str) -> Path:
    """One second with a bar that moves 3 pixels a picture; 25 pictures a second (30 for RoQ)."""
    home, (width, height) = _HOMES.get(encoder, "nut"), _SIZES.get(encoder, (96, 64))
    path, rate = folder / f"{encoder}.{home}", 30 if encoder == "roqvideo" else 25
    formats = [form.name for form in av.codec.Codec(encoder, "w").video_formats or []]
    form = _FORMATS.get(encoder) or ("yuv420p" if "yuv420p" in formats or not formats else formats[0])
    with av.open(str(path), "w", format=home) as out:
        options = {**_OPTIONS.get(encoder, {}), "strict": "experimental"}
        stream = out.add_stream(encoder, rate=rate, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, form
        stream.codec_context.gop_size = 12
        for k in range(COUNT):
            array = np.zeros((height, width, 3), np.uint8)
            array[:, k * 3 % width : k * 3 % width + 8] = 255
            array[..., 1] = np.linspace(0, 200, width).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(array, format="rgb24").reformat(format=form)
            frame.pts, frame.time_base = k, Fraction(1, rate)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path
