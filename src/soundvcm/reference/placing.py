"""Reference clips where and as loud as a guide sounds: hits at its onsets, lasting ones under its loudness.

    guide [s], clips of a kind, seed => wave [s]

The guide is what a network made for the clip: it knows the moments. The clips know the sound. Pure
functions of waves at one rate and a seed; knows no networks and no files.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from soundvcm.reference.bank import BANK_RATE, ReferenceClip, Wave
from soundvcm.reference.onsets import detect_onsets, energy

Clips = Sequence[ReferenceClip]
CURVE_RATE = 25  # of loudness curves
EVENT_PEAK = 0.6  # of the loudest hit
LASTING_RMS = 0.1  # of a lasting sound where it is loudest
SOFTEST = 0.5  # of the loudest hit: what is heard as an event is not lost
SETTLE_SECONDS = 0.3  # loudness of lasting sounds is smoothed over this
VOICES = 2  # clips that share the hits of one thing


def place(guide: Wave, clips: Clips, lasting: bool, seed: int) -> tuple[Wave, list[ReferenceClip]]:
    """The clips in the guide's time; and those that were used.

    Args:
        guide: [s] at `BANK_RATE`.
        clips: of one kind, at least one.
        lasting: go on under the guide's loudness, instead of once at each of its onsets.
        seed: chooses among the clips and varies them a little.
    """
    rng = np.random.default_rng(seed)
    wave, used = (_lasting if lasting else _hits)(guide, clips, rng)
    return wave, used


def moments(guide: Wave) -> tuple[Wave, Wave]:
    """(times in s, strengths 0 .. 1) of the guide's onsets; its loudest moment if it has none."""
    times = detect_onsets(guide, BANK_RATE)
    if not len(times):
        times = np.asarray([float(np.argmax(np.abs(guide))) / BANK_RATE]) if len(guide) else np.zeros(0)
    strengths = []
    for k, time in enumerate(times):
        start = int(time * BANK_RATE)
        stop = min(
            start + BANK_RATE // 8, round(times[k + 1] * BANK_RATE) if k + 1 < len(times) else len(guide)
        )
        strengths.append(float(np.abs(guide[start : max(stop, start + 1)]).max(initial=0.0)))
    loudest = max(strengths, default=0.0) or 1.0
    return times.astype(np.float32), np.asarray(strengths, np.float32) / np.float32(loudest)


def _hits(guide: Wave, clips: Clips, rng: np.random.Generator) -> tuple[Wave, list[ReferenceClip]]:
    times, strengths = moments(guide)
    chosen = [clips[int(k)] for k in rng.choice(len(clips), min(len(clips), VOICES), replace=False)]
    gap = float(np.median(np.diff(times))) if len(times) > 1 else float("inf")
    voices = [_damped(clip.wave, gap) for clip in chosen]
    out, used = np.zeros(len(guide), np.float32), []
    for k, (time, strength) in enumerate(zip(times, strengths, strict=True)):
        number = int(rng.integers(len(voices)))
        used.append(chosen[number])
        wave = voices[number]
        gain = EVENT_PEAK * max(SOFTEST, float(strength)) * 10 ** (rng.uniform(-1.5, 1.5) / 20)
        start = round((float(time) - onset_seconds(wave)) * BANK_RATE)
        until = len(out)
        if k + 1 < len(times):  # the next hit begins in what is nearly quiet, or nobody would hear it begin
            until = round(float(times[k + 1]) * BANK_RATE)
        add(out, wave * np.float32(gain / max(1e-6, float(np.abs(wave).max()))), start, until)
    return out, list(dict.fromkeys(used))


def _lasting(guide: Wave, clips: Clips, rng: np.random.Generator) -> tuple[Wave, list[ReferenceClip]]:
    clip = clips[int(rng.integers(len(clips)))]
    wave = looped(clip.wave, len(guide), rng)
    curve = energy(guide, BANK_RATE, CURVE_RATE)
    reach = round(SETTLE_SECONDS * CURVE_RATE)
    padded = np.pad(curve, reach, mode="edge")
    smooth = np.sqrt(np.convolve(padded**2, np.ones(2 * reach + 1) / (2 * reach + 1), mode="valid"))
    level = smooth / max(float(smooth.max(initial=0.0)), 1e-9)
    at = np.arange(len(guide)) * (CURVE_RATE / BANK_RATE) - 0.5
    shape = np.interp(at, np.arange(len(level)), level).astype(np.float32)
    rms = float(np.sqrt(np.mean(wave**2))) or 1.0
    return wave * shape * np.float32(LASTING_RMS / rms), [clip]


def onset_seconds(wave: Wave, share: float = 0.1) -> float:
    """Time of the first sample that reaches a share of the peak."""
    level = np.abs(wave)
    return float(np.argmax(level >= share * level.max(initial=0.0))) / BANK_RATE if len(wave) else 0.0


def add(out: Wave, wave: Wave, start: int, until: int) -> None:
    """Add a wave at sample `start`, faded out over 12 ms before sample `until`."""
    skip = max(0, -start)
    piece = wave[skip : max(skip, until - start)].copy()
    fade = min(len(piece), BANK_RATE * 12 // 1000)
    if start + len(wave) > until and fade:
        piece[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    first = max(start, 0)
    count = min(len(piece), len(out) - first)
    if count > 0:
        out[first : first + count] += piece[:count]


def looped(wave: Wave, samples: int, rng: np.random.Generator) -> Wave:
    """The wave again and again from a random place, joined by cross-fades of a quarter of a second."""
    fade = min(BANK_RATE // 4, len(wave) // 4)
    ramp = np.sin(np.linspace(0, np.pi / 2, fade, dtype=np.float32))
    body = wave.copy()
    if fade:
        body[:fade] *= ramp
        body[-fade:] *= ramp[::-1]
    out = np.zeros(samples + 2 * len(wave), np.float32)
    start = 0
    while start < samples + len(wave):
        out[start : start + len(body)] += body[: len(out) - start]
        start += max(1, len(wave) - fade)
    offset = int(rng.integers(fade, max(fade + 1, len(wave))))
    return out[offset : offset + samples]


def _damped(wave: Wave, gap: float) -> Wave:
    """A long sound made to die away by about 20 dB within `gap` seconds, its first 30 ms untouched."""
    if len(wave) < 0.8 * gap * BANK_RATE:
        return wave
    t = np.clip(np.arange(len(wave)) / BANK_RATE - 0.03, 0, None)
    return (wave * np.exp(-2.3 * t / gap)).astype(np.float32)


def is_lasting(wave: Wave) -> bool:
    """Whether a sound goes on (rain) rather than falls into hits: most is within 20 dB of the loudest."""
    curve = energy(wave, BANK_RATE, CURVE_RATE)
    loudest = float(np.quantile(curve, 0.95)) if len(curve) else 0.0
    return bool(np.mean(curve > 0.1 * loudest) > 0.8)


def clips_of_wave(wave: Wave, name: str, lasting: bool) -> tuple[ReferenceClip, ...]:
    """A user's own recording [s] as clips: the whole of it, or each of its hits until the next one."""
    facts = (name, name, name, "recording", "yours", "you", "")
    if lasting:
        return (ReferenceClip(*facts, wave),)
    times, strengths = moments(wave)
    edges = [max(0, round((float(time) - 0.01) * BANK_RATE)) for time in times] + [len(wave)]
    clips = [
        ReferenceClip(*facts, np.array(wave[start : min(stop, start + 2 * BANK_RATE)], np.float32))
        for start, stop, strength in zip(edges[:-1], edges[1:], strengths, strict=True)
        if strength > SOFTEST
    ]
    return tuple(clip for clip in clips if np.abs(clip.wave).max(initial=0.0) > 0) or (
        ReferenceClip(*facts, wave),
    )
