"""A film strip above the spectrogram of its sound, with event marks: listening by looking.

python scripts/strip.py clip.sound.mp4 picture.png [--events examples/clips/events.json]
"""

from __future__ import annotations

import argparse
import json
from fractions import Fraction
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np

from soundvcm import media
from soundvcm.records import FrameSpec

FRAMES = 12


def draw(video: Path, picture: Path, events: list[float]) -> None:
    """Write the picture of one video with sound."""
    spec = FrameSpec(Fraction(10), 90, 160)
    footage = media.read_frames(video, {"strip": spec})
    frames = footage.frames["strip"].numpy()
    seconds = float(footage.seconds)
    wave, rate = media.read_sound(video)
    mono = wave.mean(axis=0)
    chosen = frames[(np.arange(FRAMES) + 0.5).astype(int) * len(frames) // FRAMES]
    figure, (top, middle, bottom) = plt.subplots(
        3, 1, figsize=(12, 5), gridspec_kw={"height_ratios": [1.2, 0.8, 2.2]}, sharex=True
    )
    top.imshow(np.concatenate(chosen, axis=1), extent=(0, seconds, 0, 1), aspect="auto")
    top.set_yticks([])
    middle.plot(np.arange(len(mono)) / rate, mono, linewidth=0.5, color="#234")
    middle.set_ylim(-1, 1)
    middle.set_yticks([])
    size, hop = 512, 128
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(mono, size // 2), size)[::hop]
    power = 20 * np.log10(np.abs(np.fft.rfft(windows * np.hanning(size))).T + 1e-4)
    extent = (0, len(mono) / rate, 0, rate / 2000)
    bottom.imshow(power, origin="lower", aspect="auto", extent=extent, cmap="magma", vmin=-50, vmax=35)
    bottom.set_ylabel("kHz")
    bottom.set_xlabel("seconds")
    for axes in (middle, bottom):
        for time in events:
            axes.axvline(time, color="#3fd0c9", linewidth=0.8, linestyle="--")
    bottom.set_xlim(0, seconds)
    figure.tight_layout(h_pad=0.3)
    figure.savefig(picture, dpi=80)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("video", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--events", type=Path, help="JSON of name -> {events: [{time}]}")
    options = parser.parse_args()
    times: list[float] = []
    if options.events:
        known = json.loads(options.events.read_text())
        name = options.video.name.replace(".sound", "")
        times = [event["time"] for event in known[name]["events"]]
    draw(options.video, options.picture, times)


if __name__ == "__main__":
    main()
