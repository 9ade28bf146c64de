"""From a raw wave to bank clips: trimming to the onset, cutting repeated hits apart, lengthening, levels.

All at 48 kHz. Events begin 3 ms before their onset and peak at 0.7; ambiences have an RMS of 0.1 with peaks
held below 0.95. Knows nothing of files.
"""

from __future__ import annotations

import numpy as np
import soxr
from scipy import ndimage

RATE = 48000
LEAD = 144  # samples kept before the onset: 3 ms
DULL_RATE = 16000  # of the shipped codec
EVENT_SECONDS = 2.0
EVENT_PEAK = 0.7
LASTING_RMS = 0.1
LASTING_PEAK = 0.95
LASTING_SECONDS = (4.5, 6.0)


def to_bank_rate(wave: np.ndarray, rate: int) -> np.ndarray:
    """Any wave [samples] or [samples, channels] => mono float64 at 48 kHz without direct current."""
    mono = wave.mean(axis=1) if wave.ndim == 2 else wave
    mono = np.asarray(mono, dtype=np.float64)
    if rate != RATE:
        mono = soxr.resample(mono, rate, RATE)
    return mono - mono.mean()


def envelope(wave: np.ndarray, seconds: float = 0.002) -> np.ndarray:
    """Largest absolute value within +- half of `seconds`."""
    return ndimage.maximum_filter1d(np.abs(wave), max(1, round(seconds * RATE)))


def onset(wave: np.ndarray, part: float = 0.1) -> int:
    """First sample whose absolute value reaches `part` of the peak; what comes over 10 ms before the onset of
    the sound below 8 kHz is not counted, or the clip would begin late for who reads it at 16 kHz.
    """
    first = int(np.argmax(np.abs(wave) >= part * np.abs(wave).max()))
    dull = np.abs(soxr.resample(wave, RATE, DULL_RATE))
    heard = int(np.argmax(dull >= part * dull.max(initial=0.0))) * RATE // DULL_RATE
    return heard if heard > first + 0.01 * RATE else first


def event(wave: np.ndarray, shortest: float = 0.03) -> np.ndarray | None:
    """One hit from its onset to where it has faded by 46 dB (2 s at most), peak 0.7; None when it is silent
    or shorter than `shortest` seconds.
    """
    if len(wave) == 0 or np.abs(wave).max() < 1e-4:
        return None
    begin = onset(wave)
    lead = wave[max(0, begin - LEAD) : begin]
    clip = np.concatenate(
        [np.zeros(LEAD - len(lead)), lead, wave[begin : begin + round(EVENT_SECONDS * RATE)]]
    )
    clip[:LEAD] *= np.linspace(0, 1, LEAD)
    loud = np.flatnonzero(envelope(clip, 0.01) > 0.005 * np.abs(clip).max())
    clip = clip[: loud[-1] + 1]
    if len(clip) < shortest * RATE:
        return None
    tail = min(len(clip) // 3, round(0.12 * RATE))
    clip[len(clip) - tail :] *= 0.5 + 0.5 * np.cos(np.pi * np.arange(tail) / tail)
    return clip * (EVENT_PEAK / np.abs(clip).max())


def hits(wave: np.ndarray, gap_seconds: float = 0.14) -> list[np.ndarray]:
    """The single hits of a recording of several: cut where the level jumps by 10 dB over its past within 20
    ms.
    """
    level = envelope(wave, 0.012)
    past = np.concatenate([np.full(round(0.02 * RATE), 1e-9), level])[: len(level)]
    jumps = (level > 3.2 * past) & (level > 0.15 * level.max())
    starts: list[int] = []
    for at in np.flatnonzero(jumps):
        if not starts or at - starts[-1] > gap_seconds * RATE:
            starts.append(int(at))
    ends, lead = [*starts[1:], len(wave)], round(0.00625 * RATE)
    return [wave[max(0, a - lead) : b - lead] for a, b in zip(starts, ends, strict=True)]


def lengthened(wave: np.ndarray, samples: int, overlap_seconds: float = 0.25) -> np.ndarray:
    """The wave repeated with cross-fades of equal power until it has `samples` samples."""
    overlap = min(round(overlap_seconds * RATE), len(wave) // 3)
    ramp = np.sin(0.5 * np.pi * np.arange(overlap) / overlap)
    out = wave
    while len(out) < samples:
        joint = out[-overlap:] * ramp[::-1] + wave[:overlap] * ramp
        out = np.concatenate([out[:-overlap], joint, wave[overlap:]])
    return out[:samples]


def lasting(wave: np.ndarray, at_most: int = 6) -> list[np.ndarray]:
    """Pieces of 4.5 to 6 s of a lasting sound, RMS 0.1; a shorter one is repeated with cross-fades; empty
    when silent.
    """
    live = np.flatnonzero(envelope(wave, 0.05) > 0.02 * np.abs(wave).max())
    if len(live) == 0 or np.abs(wave).max() < 1e-4 or live[-1] - live[0] < 0.6 * RATE:
        return []
    wave = wave[live[0] : live[-1] + 1]
    shortest, longest = (round(s * RATE) for s in LASTING_SECONDS)
    if len(wave) < shortest:
        wave = lengthened(wave, shortest)
    pieces = [wave[i : i + longest] for i in range(0, len(wave), longest)][:at_most]
    return [levelled(piece) for piece in pieces if len(piece) >= shortest]


def levelled(wave: np.ndarray) -> np.ndarray:
    """RMS 0.1; peaks above 0.95 are rounded off; 10 ms of fade at both ends."""
    out = wave
    for _ in range(4):  # rounding peaks off lowers the level, so that sparse sounds need a few turns
        out = out * (LASTING_RMS / np.sqrt(np.mean(out**2)))
        loud = np.abs(out) > 0.7
        out[loud] = np.sign(out[loud]) * (0.7 + 0.25 * np.tanh((np.abs(out[loud]) - 0.7) / 0.25))
    ramp = np.linspace(0, 1, round(0.01 * RATE))
    out[: len(ramp)] *= ramp
    out[len(out) - len(ramp) :] *= ramp[::-1]
    return out
