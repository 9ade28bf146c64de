"""Sound of any file by exact time: from a moment on, so many samples, silence where the track has none.

Everything that reads sound (whole files, clips for training, sounds to score, tracks to mix or to encode
anew) goes through `SoundReader`. Knows sound tracks and their times; nothing of pictures.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from types import TracebackType
from typing import Any, Self

import numpy as np

from soundvcm.errors import MediaError
from soundvcm.media.audio.loudness import Wave
from soundvcm.media.read.source import open_media, reason, sound_streams, source_name

_GAP = 0.1  # s; times rounded by a container must not tear the sound, real gaps stay gaps
_DRIFT = 0.003  # s; a clock that runs fast or slow is followed when it is as far away as this
_STEP = 0.01
_SETTLING = 0.25  # s; what lies between clock and samples by then is no drift
_SMOOTHING = 0.17  # s
_PLANES = 8  # PyAV 18 crashes where so many channels lie in planes
_MOST_STRETCH = 0.02
_LONGEST_OVERLAP = 2.0  # s; what comes twice is dropped, a clock that begins anew is joined
_LONGEST_GAP = 600.0  # s; a longer one is a jump of the clock, as among pictures


class SoundReader:
    """Samples of one sound track, in order, as many as are asked for; a context manager.

    Args:
        source: a path, bytes or an open file; may be a video.
        track: number of the sound track.
        zero: the file's own time (s) of the first sample wanted; None begins with the track's first sample.
        after: seconds from `zero` to the first sample wanted.
        rate: convert to this rate while reading; None keeps that of the track.
        channels: mix to 1 or 2 channels while reading; None keeps those of the track.

    Raises:
        MediaError: if there is no such track or nothing in it can be decoded.
    """

    def __init__(
        self,
        source: Any,
        track: int = 0,
        *,
        zero: Fraction | None = None,
        after: Fraction = Fraction(0),
        rate: int | None = None,
        channels: int | None = None,
    ) -> None:
        self._blocks = _blocks(source, track, rate, channels)
        self._ready: list[Wave] = []
        self._waiting = self._made = self._taken = self._real = 0
        self._spans: list[tuple[int, int]] = []  # where the track really has samples, ahead of what was taken
        first = next(self._blocks, None)
        self.ended = first is None
        if first is not None:
            wave, self.rate, begin = first
            self.channels = wave.shape[0]
            self._shift = -(begin if zero is None else zero) - after  # from the file's time to ours
            self._twice = False
            self._blocks_seen = self._settled = 0
            self._usual = self._away = self._last_ahead = 0.0
            self._place = round((begin + self._shift) * self.rate)
            self._add(wave, begin)
        elif rate and channels:
            self.rate, self.channels = rate, channels  # a track that cannot be decoded is silent
        else:
            raise MediaError(f"{source_name(source)}: no sound in it can be decoded")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._blocks.close()  # type: ignore[attr-defined]

    @property
    def seconds_taken(self) -> Fraction:
        """From the first sample wanted to the last one taken that the track really has."""
        return Fraction(self._real, self.rate)

    def take(self, count: int) -> Wave:
        """The next samples [c, count]; silence where the track has none."""
        while self._waiting < count and not self.ended:
            self._read()
        self._taken += count
        while self._spans and self._spans[0][0] < self._taken:
            self._real = min(self._spans[0][1], self._taken)
            if self._spans[0][1] > self._taken:
                break
            del self._spans[0]
        if self._waiting < count:
            self._keep(np.zeros((self.channels, count - self._waiting), dtype=np.float32))
        if not self._ready:
            return np.zeros((self.channels, 0), dtype=np.float32)
        joined = self._ready[0] if len(self._ready) == 1 else np.concatenate(self._ready, axis=1)
        self._ready, self._waiting = [joined[:, count:]], self._waiting - count
        return joined[:, :count]

    def rest(self) -> Wave:
        """All that is left of the track [c, s]."""
        while not self.ended:
            self._read()
        return self.take(self._waiting)

    def _read(self) -> None:
        block = next(self._blocks, None)
        if block is None:
            self.ended = True
        else:
            self._add(block[0], block[2])

    def _add(self, wave: Wave, time: Fraction) -> None:
        ahead = float(time + self._shift) - self._place / self.rate
        if ahead > _LONGEST_GAP or ahead < -_LONGEST_OVERLAP:
            self._shift = Fraction(self._place, self.rate) - time
            self._blocks_seen = self._settled = 0
        elif ahead > _GAP:
            self._place += round(ahead * self.rate)
            self._blocks_seen = self._settled = 0
        elif ahead < (0 if self._twice else -_GAP):
            wave = wave[:, round(-ahead * self.rate) :]
            self._blocks_seen = self._settled = 0
            self._twice = wave.shape[1] == 0  # until what comes again is over
        else:
            wave = self._following(wave, ahead)
        begin, self._place = self._place, self._place + wave.shape[1]
        if self._place <= 0:
            return
        if begin > self._made:
            self._keep(np.zeros((self.channels, begin - self._made), dtype=np.float32))
        self._spans.append((max(0, begin), self._place))
        self._keep(wave[:, max(0, -begin) :])
        self._made = self._place

    def _following(self, wave: Wave, ahead: float) -> Wave:
        """The block, stretched or squeezed a little where the track's clock runs away from its samples."""
        step, self._last_ahead = ahead - self._last_ahead, ahead
        if abs(step) > _STEP:  # something is missing: no drift
            self._usual, self._away = self._usual + step, self._away + step
        self._blocks_seen += 1
        count = wave.shape[1]
        self._settled += count
        weight = min(1.0, max(count / (_SMOOTHING * self.rate), 1 / self._blocks_seen))
        self._away += (ahead - self._away) * weight
        if self._settled <= _SETTLING * self.rate:
            self._usual = self._away
            return wave
        drift = self._away - self._usual
        if abs(drift) <= _DRIFT:
            return wave
        most = int(count * _MOST_STRETCH)
        more = max(-most, min(most, round(drift * self.rate)))
        if more == 0:
            return wave
        self._away -= more / self.rate
        self._last_ahead -= more / self.rate
        at = np.linspace(0, count - 1, count + more)
        return np.stack([np.interp(at, np.arange(count), one) for one in wave]).astype(np.float32)

    def _keep(self, wave: Wave) -> None:
        self._ready.append(wave)
        self._waiting += wave.shape[1]


def read_sound(source: Any, *, stream: int = 0, seconds: Fraction | None = None) -> tuple[Wave, int]:
    """A sound track as ([c, s] float32, sample rate), without changing either.

    Args:
        source: a path, bytes or an open file; may be a video.
        stream: number of the sound track.
        seconds: read at most this much from the beginning; None reads all.

    Raises:
        MediaError: if there is no such track or nothing in it can be decoded.
    """
    with SoundReader(source, stream) as reader:
        if seconds is None:
            return reader.rest(), reader.rate
        wave = reader.take(round(seconds * reader.rate))
        return wave[:, : round(reader.seconds_taken * reader.rate)], reader.rate


def _blocks(
    source: Any, number: int, rate: int | None, channels: int | None
) -> Iterator[tuple[Wave, int, Fraction]]:
    """Blocks ([c, s] float32, sample rate, time of the first sample in the file's own time) of one track.

    All have the rate and the channels of the first, or those asked for, whatever the track changes to.
    """
    import av

    name = source_name(source)
    with open_media(source) as container:
        tracks: list[Any] = sound_streams(container)
        if number >= len(tracks):
            raise MediaError(f"{name}: has {len(tracks)} sound track(s), no number {number}")
        track = tracks[number]
        if not (rate or track.rate) or (track.rate or 0) < 0:
            raise MediaError(f"{name}: the sound track names no sample rate")
        converter = _Converter(rate or track.rate, channels)
        try:
            for packet in container.demux(track):
                try:
                    frames = packet.decode()
                except (av.FFmpegError, ValueError):
                    continue
                for frame in frames:
                    yield from converter.convert(frame)
            yield from converter.finish()
        except (av.FFmpegError, ValueError, IndexError) as error:  # PyAV: a track that begins later
            raise MediaError(f"{name}: the sound cannot be decoded ({reason(error)})") from None


class _Converter:
    """Frames of any format, rate and channels => blocks of one rate and number of channels."""

    def __init__(self, rate: int, channels: int | None) -> None:
        self._rate, self._channels = rate, channels
        self._layout: Any = {None: None, 1: "mono", 2: "stereo"}[channels]
        self._kind: tuple[Any, ...] | None = None
        self._resampler: Any = None

    def convert(self, frame: Any) -> Iterator[tuple[Wave, int, Fraction]]:
        """What is ready."""
        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        if kind != self._kind:
            yield from self.finish()
            self._open(frame, kind)
        for out in self._resampler.resample(frame):
            yield self._block(out)

    def finish(self) -> Iterator[tuple[Wave, int, Fraction]]:
        """The rest of the part with one format."""
        if self._resampler is not None:
            for out in self._resampler.resample(None):
                yield self._block(out)
            self._resampler = None

    def _open(self, frame: Any, kind: tuple[Any, ...]) -> None:
        import av

        self._kind = kind
        if self._layout is None:
            self._layout, self._channels = frame.layout.name, frame.layout.nb_channels
        # FFmpeg makes stereo 3 dB quieter than its mono, and mono 3 dB louder than its stereo: done here.
        have = frame.layout.nb_channels
        self._repeat = 2 if have == 1 and self._channels == 2 else 1
        self._mean = have == 2 and self._channels == 1
        layout = None if self._repeat == 2 or self._mean else self._layout
        layout = None if layout == frame.layout.name else layout
        self._form = "fltp" if max(have, self._channels or 0) < _PLANES else "flt"
        self._resampler = av.AudioResampler(format=self._form, layout=layout, rate=self._rate)

    def _block(self, frame: Any) -> tuple[Wave, int, Fraction]:
        time = Fraction(frame.pts or 0) * (frame.time_base or Fraction(1, frame.sample_rate))
        wave = frame.to_ndarray()
        if self._form == "flt":
            wave = np.ascontiguousarray(wave.reshape(-1, frame.layout.nb_channels).T)
        if self._mean:
            wave = wave.mean(axis=0, keepdims=True, dtype=np.float64).astype(np.float32)
        if self._repeat > 1:
            wave = np.repeat(wave, self._repeat, axis=0)
        return wave, frame.sample_rate, time
