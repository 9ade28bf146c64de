"""A scene's tracks => its sound: clips put at the events to the sample, lasting sounds under their level.

One object keeps one timbre: few clips, varied once, louder and brighter with strength. Knows no pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from soundvcm.errors import StoreError
from tiny.scenes.motion import Beats, Level
from tiny.sounds.bank import Bank, onset_seconds, vary
from tiny.sounds.variation import in_room, tilted

Wave = npt.NDArray[np.float32]
Generator = np.random.Generator

TUNED = frozenset({"piano", "guitar", "violin", "trumpet", "marimba", "bell", "whistle"})


@dataclass(frozen=True)
class Track:
    """One object's sounds.

    Attributes:
        kind: name of the bank's kind.
        drive: events, or a level curve for a lasting sound.
        gain: loudest peak (events) or RMS at level 1 (lasting), of full scale.
        choke: a new event ends the sound of the one before.
    """

    kind: str
    drive: Beats | Level
    gain: float
    choke: bool = False


def render(
    tracks: Sequence[Track], bank: Bank, split: str, seconds: float, rng: Generator, dry: bool = False
) -> Wave:
    """All tracks mixed: float32 [round(seconds x bank.sample_rate)], peak at most 0.95.

    Args:
        tracks: what sounds.
        bank: where the clips are.
        split: which clips may be used.
        seconds: length.
        rng: another generator gives another rendition of the same events.
        dry: leave out rooms and lasting sounds, for tests.

    Raises:
        StoreError: if the bank has no clip of a kind in this split.
    """
    samples = round(seconds * bank.sample_rate)
    hits = np.zeros(samples, np.float32)
    under = np.zeros(samples, np.float32)
    for track in tracks:
        if isinstance(track.drive, Beats):
            hits += _hits(track, track.drive, bank, split, samples, rng)
        elif not dry:
            under += _lasting(track, track.drive, bank, split, samples, rng)
    if not dry and rng.random() < 0.4 and hits.any():
        hits = in_room(hits, rng, rng.uniform(0.15, 0.7), rng.uniform(0.1, 0.4), bank.sample_rate)[:samples]
    mix = hits + under
    peak = float(np.max(np.abs(mix), initial=0.0))
    return mix * np.float32(0.95 / peak) if peak > 0.95 else mix


def room_tone(rng: Generator, samples: int, rate: int) -> Wave:
    """What a recording holds where nothing sounds: noise that falls with frequency, perhaps the hum of mains.

    Its root mean square lies between -72 and -44 dB of full scale.
    """
    hertz = np.fft.rfftfreq(samples, 1 / rate)
    octaves = np.log2(np.clip(hertz, 60, None) / 1000)
    spectrum = np.fft.rfft(rng.standard_normal(samples)) * 10 ** (-rng.uniform(2.0, 7.0) * octaves / 20)
    spectrum[hertz < 30] = 0
    tone = np.fft.irfft(spectrum, samples)
    tone /= np.sqrt(np.mean(tone * tone)) + 1e-12
    if rng.random() < 0.3:
        mains, at = float(rng.choice([50.0, 60.0])), np.arange(samples) / rate
        parts = rng.uniform(0.0, 1.0, size=4) / np.arange(1, 5)
        tone += rng.uniform(0.1, 0.6) * sum(
            part * np.sin(2 * np.pi * mains * (k + 1) * at) for k, part in enumerate(parts)
        )
    return np.asarray(10 ** (rng.uniform(-72, -44) / 20) * tone, np.float32)


def _waves(bank: Bank, kind: str, split: str, mode: str) -> list[Wave]:
    clips = bank.clips(kind, split, mode)
    if not clips:
        raise StoreError(
            f"the bank has no {mode} clips of kind {kind!r} in split {split!r}; choose another or rebuild it"
        )
    return [clip.wave for clip in clips]


def _hits(track: Track, beats: Beats, bank: Bank, split: str, samples: int, rng: Generator) -> Wave:
    waves = _waves(bank, track.kind, split, "event")
    tuned, rate = track.kind in TUNED, bank.sample_rate
    chosen = rng.choice(len(waves), size=min(len(waves), int(rng.choice([1, 1, 2, 3]))), replace=False)
    voices = [
        _voice(waves[int(i)], rng, 7.0 if tuned else 3.0, rate)
        for i in chosen
        for _ in range(4 if tuned else 1)
    ]
    if len(beats.times) > 1:
        voices = [_damped(wave, float(np.median(np.diff(beats.times))), rate) for wave in voices]
    soft = [tilted(wave, -rng.uniform(1.0, 4.0), sample_rate=rate) for wave in voices]
    out = np.zeros(samples, np.float32)
    for i, (time, strength) in enumerate(zip(beats.times, beats.strengths, strict=True)):
        number = int(rng.integers(len(voices)))
        wave = soft[number] if strength < 0.5 else voices[number]
        peak = float(np.max(np.abs(wave), initial=1e-9))
        gain = track.gain * (0.12 + 0.88 * strength**1.5) * 10 ** (rng.uniform(-1, 1) / 20) / peak
        start = round((time - onset_seconds(wave, sample_rate=rate)) * rate)
        end = start + len(wave)
        if track.choke and i + 1 < len(beats.times):
            end = min(end, round(beats.times[i + 1] * rate))
        _add(out, wave[: max(0, end - start)] * np.float32(gain), start, rate // 50)
    return out


def _voice(wave: Wave, rng: Generator, semitones: float, rate: int) -> Wave:
    """One variation of a clip without room or change of level."""
    return vary(wave, rng, semitones=semitones, room=0.0, level=0.0, sample_rate=rate)


def _damped(wave: Wave, gap: float, rate: int) -> Wave:
    """A long sound made to die away by about 20 dB within `gap` seconds: the next one must be heard."""
    if len(wave) < 0.8 * gap * rate:
        return wave
    fall = np.exp(-2.3 / gap / rate * np.arange(len(wave)))
    return np.asarray(wave * fall, np.float32)


def _add(out: Wave, wave: Wave, start: int, fade: int) -> None:
    """Add `wave` at `start`, cut at both ends of `out`, its last `fade` samples faded."""
    fade = min(len(wave), fade)
    if fade:
        wave[-fade:] *= np.linspace(1.0, 0.0, fade, dtype=np.float32)
    skip = max(0, -start)
    count = min(len(wave) - skip, len(out) - max(start, 0))
    if count > 0:
        out[max(start, 0) : max(start, 0) + count] += wave[skip : skip + count]


def _lasting(track: Track, level: Level, bank: Bank, split: str, samples: int, rng: Generator) -> Wave:
    waves = _waves(bank, track.kind, split, "ambience")
    wave, rate = waves[int(rng.integers(len(waves)))], bank.sample_rate
    wave = vary(wave, rng, lasting=True, semitones=2.0, room=0.0, level=0.0, sample_rate=rate)
    out = _evened(_looped(wave, samples, rng, rate // 4), rate)
    rms = float(np.sqrt(np.mean(out * out)) + 1e-9)
    return out * level.samples(samples, rate) ** np.float32(1.5) * np.float32(track.gain / rms)


def _evened(wave: Wave, rate: int) -> Wave:
    """The wave with its slow swells (over 0.8 s) mostly taken out: the level curve says how loud it is."""
    half = int(0.4 * rate)
    power = np.cumsum(np.pad(np.square(wave, dtype=np.float64), (half + 1, half), mode="reflect"))
    local = (power[2 * half + 1 :] - power[: -2 * half - 1])[: len(wave)] / (2 * half + 1)
    floor = 0.02 * float(np.mean(local)) + 1e-12
    return np.asarray(wave * (local + floor) ** -0.35, np.float32)


def _looped(wave: Wave, samples: int, rng: Generator, fade: int) -> Wave:
    """The wave again and again from a random place, joined by cross-fades of `fade` samples."""
    fade = min(fade, len(wave) // 4)
    ramp = np.sin(np.linspace(0.0, np.pi / 2, fade, dtype=np.float32))
    offset = int(rng.integers(0, len(wave) - fade)) if len(wave) > 2 * fade else 0
    out = np.zeros(samples + len(wave) + fade, np.float32)
    start = -offset
    while start < samples:
        piece = wave.copy()
        piece[:fade] *= ramp
        piece[len(piece) - fade :] *= ramp[::-1]
        skip = max(0, -start)
        out[start + skip : start + len(wave)] += piece[skip:]
        start += len(wave) - fade
    return out[:samples]
