"""One drawn scene with exact ground truth: a seed => events, pictures at any rate and size, sound, captions.

`make_scene` is a pure function of its arguments; the split decides which clips, backgrounds and numbers
may be used. The only file here that knows both pictures and sounds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

import numpy as np
import numpy.typing as npt

from soundvcm.errors import OptionError
from tiny.scenes.backgrounds import Background, draw_background
from tiny.scenes.camera import Camera, Renderer, Shot
from tiny.scenes.captions import choose_labels, write_captions
from tiny.scenes.distractors import DISTRACTORS
from tiny.scenes.kinds import actors_for
from tiny.scenes.motion import Beats, Level, beats, level
from tiny.scenes.sound import Track, render, room_tone
from tiny.scenes.stage import Actor, Stage
from tiny.sounds.bank import SPLITS, Bank

Generator = np.random.Generator
Pictures = npt.NDArray[np.uint8]

RATES = (24, 25, 30, 50, 60, 15, 12, 10)
STYLES = {"event": 0.44, "over": 0.12, "ambience": 0.29, "two": 0.12, "still": 0.03, "layers": 0.0}
QUIET = ("ambience", "still", "layers")


@dataclass(frozen=True)
class Event:
    """One heard event: time (s), kind of sound, strength 0..1, place (0..1 from left and top)."""

    time: float
    kind: str
    strength: float
    x: float
    y: float


@dataclass(frozen=True)
class Scene:
    """A drawn clip and all that is true of it.

    Attributes:
        seed: what it was made from.
        split: train, valid or test.
        seconds: length.
        style: event, over (event with ambience under it), ambience, two (events), still, or layers (two
            ambiences), which is only made when it is asked for.
        rate: pictures a second of the scene's own film.
        aspect: width over height of its own film.
        events: every event that is heard, in order of time.
        ambience: (kind, level curve) of every lasting sound.
        captions: five ways to ask for its sound.
        labels: names a picture classifier could give to what is seen.
        actors: what is drawn, from back to front.
        tracks: what is heard.
        camera: how it is looked at.
    """

    seed: int
    split: str
    seconds: float
    style: str
    rate: int
    aspect: float
    events: tuple[Event, ...]
    ambience: tuple[tuple[str, Level], ...]
    captions: tuple[str, ...]
    labels: tuple[str, ...]
    actors: tuple[Actor, ...]
    tracks: tuple[Track, ...]
    camera: Camera

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of sound in it, the main one first."""
        return tuple(dict.fromkeys(track.kind for track in self.tracks))

    def frames(
        self, rate: int | None = None, height: int = 96, width: int = 96
    ) -> Iterator[tuple[Fraction, Pictures]]:
        """Its film: (time, uint8 [h w 3]) for every picture at `rate` a second (its own by default)."""
        rate = rate or self.rate
        renderer = self._renderer(height, width)
        for i in range(ceil(self.seconds * rate)):
            yield Fraction(i, rate), renderer.picture(i / rate)

    def sampled(self, rate: int = 25, size: int = 64) -> Pictures:
        """uint8 [g size size 3]: what a reader that holds the last picture gets `rate` times a second."""
        count = floor(self.seconds * rate)
        out = np.empty((count, size, size, 3), np.uint8)
        renderer, shown = self._renderer(size, size), -1
        for k in range(count):
            index = k * self.rate // rate
            out[k] = renderer.picture(index / self.rate) if index != shown else out[k - 1]
            shown = index
        return out

    def pictures(self, size: int = 224, every: float = 1.0) -> Pictures:
        """uint8 [f size size 3]: one picture every so many seconds, the first at 0, for a picture encoder."""
        renderer = self._renderer(size, size)
        return np.stack([renderer.picture(k * every) for k in range(max(1, ceil(self.seconds / every)))])

    def sound(
        self,
        bank: Bank,
        rng: Generator | None = None,
        sample_rate: int | None = None,
        dry: bool = False,
        tone: bool = False,
    ) -> npt.NDArray[np.float32]:
        """float32 [samples]: its sound from clips of its split; another `rng` gives another rendition.

        Args:
            bank: the sounds.
            rng: source of chance; by default one made of the seed.
            sample_rate: of the result; by default that of the bank.
            dry: without room and lasting sounds.
            tone: with the noise of a room where nothing sounds, as recordings have it, instead of zeros.

        Raises:
            StoreError: if the bank lacks a kind of this scene.
        """
        rng = rng or np.random.default_rng((self.seed, SPLITS.index(self.split), 1))
        wave = render(self.tracks, bank, self.split, self.seconds, rng, dry)
        if sample_rate not in (None, bank.sample_rate):
            import soxr

            wave = np.asarray(soxr.resample(wave, bank.sample_rate, sample_rate), np.float32)
        if tone:
            rate = sample_rate or bank.sample_rate
            wave = wave + room_tone(np.random.default_rng((self.seed, 2)), len(wave), rate)
        return wave

    def _renderer(self, height: int, width: int) -> Renderer:
        return Renderer(self.camera, self.actors, self.aspect, height, width)


@dataclass
class _Plan:
    """What is being put together; `manner` is the kind whose movements the main sound has, if not its own."""

    rng: Generator
    bank: Bank
    split: str
    seconds: float
    actors: list[Actor]
    tracks: list[Track]
    events: list[Event]
    counts: list[int]
    manner: str | None = None


def make_scene(
    seed: int,
    bank: Bank,
    split: str,
    seconds: float = 8.0,
    kind: str | None = None,
    style: str | None = None,
    manner: str | None = None,
) -> Scene:
    """Make one scene; the same arguments give the same scene.

    Args:
        seed: any whole number from 0 on.
        bank: kinds of sound and their clips.
        split: "train", "valid" or "test".
        seconds: length, at least 1.
        kind: kind of the main sound; by default any.
        style: one of STYLES; by default drawn by its share.
        manner: kind whose look and rhythm the main sound takes; by default its own.

    Raises:
        OptionError: for an unknown split, style or kind, a length below 1 s, or too small a bank.
    """
    if split not in SPLITS:
        raise OptionError(f"no split {split!r}; choose one of: {', '.join(SPLITS)}")
    if style is not None and style not in STYLES:
        raise OptionError(f"no style {style!r}; choose one of: {', '.join(STYLES)}")
    if seconds < 1.0:
        raise OptionError(f"a scene lasts at least 1 s, not {seconds:g}")
    rng = np.random.default_rng((seed, SPLITS.index(split)))
    if manner is not None and manner not in bank.kinds:
        raise OptionError(f"the bank has no kind {manner!r} to move like; choose another")
    plan = _Plan(rng, bank, split, float(seconds), [], [], [], [], manner)
    drawn = str(rng.choice(list(STYLES), p=list(STYLES.values())))
    struck, lasting = kinds_with_clips(bank, split, "event"), kinds_with_clips(bank, split, "ambience")
    if kind is not None and kind not in struck + lasting:
        raise OptionError(f"the bank has no clips of kind {kind!r} in split {split!r}; choose another")
    if kind is not None and style is not None and kind not in (lasting if style in QUIET else struck):
        raise OptionError(f"kind {kind!r} cannot be the main sound of a scene of style {style!r}")
    if style is None:
        style = drawn
        if kind is not None and (style in QUIET) != (kind not in struck):
            style = "event" if kind in struck else "ambience"
    aspect = float(rng.choice([1.0, 4 / 3, 16 / 9], p=[0.3, 0.3, 0.4]))
    background = draw_background(rng, split)
    _fill(plan, style, kind, struck, lasting, aspect, background.light)
    main, *rest = (bank.kinds[track.kind] for track in plan.tracks)
    other = next((k for k in rest if k.name != main.name), None)
    camera = _camera(plan, style, aspect, background)
    spots = sorted(plan.events, key=lambda event: event.time)
    return Scene(
        seed, split, float(seconds), style, int(rng.choice(RATES)), aspect, tuple(spots),
        tuple((track.kind, track.drive) for track in plan.tracks if isinstance(track.drive, Level)),
        write_captions(rng, main, other, plan.counts[0], seconds), choose_labels(rng, main, other),
        tuple(plan.actors), tuple(plan.tracks), camera,
    )  # fmt: skip


def kinds_with_clips(bank: Bank, split: str, mode: str) -> list[str]:
    """Names of the kinds that have clips of this mode in the split, sorted."""
    return sorted(name for name in bank.kinds if bank.clips(name, split, mode))


def _fill(
    plan: _Plan,
    style: str,
    kind: str | None,
    struck: list[str],
    lasting: list[str],
    aspect: float,
    light: float,
) -> None:
    """Choose kinds, places and drives; append actors, tracks and events."""
    rng = plan.rng
    if not struck and style not in QUIET or not lasting and style != "event":
        raise OptionError(
            f"the bank has too few kinds in split {plan.split!r} for a scene of style {style!r}"
        )
    middle = Stage(
        aspect * rng.uniform(0.38, 0.62), rng.uniform(0.76, 0.9), rng.uniform(0.5, 0.72), light, aspect
    )
    if style == "two":
        first = kind or str(rng.choice(struck))
        second = str(rng.choice([name for name in struck if name != first] or struck))
        left = rng.random() < 0.5
        for name, place in ((first, 0.27 if left else 0.73), (second, 0.73 if left else 0.27)):
            size = rng.uniform(0.38, 0.5) * min(1.0, aspect / 1.3)
            stage = Stage(aspect * place, rng.uniform(0.76, 0.88), size, light, aspect)
            _add_struck(plan, name, stage, 0.6, look=plan.manner if name == first else None)
    elif style in ("event", "over"):
        if style == "over":
            far = Stage(aspect * rng.choice([0.2, 0.8]), 0.72, 0.42, light, aspect)
            _add_lasting(
                plan, str(rng.choice(lasting)), far, rng.uniform(0.012, 0.04), seen=rng.random() < 0.75
            )
        name = kind or str(rng.choice(struck))
        _add_struck(plan, name, middle, rng.uniform(0.55, 0.9), look=plan.manner)
        if style == "over":
            plan.tracks.reverse()
            plan.counts.reverse()
    elif style == "layers":
        first = kind or str(rng.choice(lasting))
        second = str(rng.choice([name for name in lasting if name != first] or lasting))
        far = Stage(aspect * rng.choice([0.2, 0.8]), 0.72, 0.42, light, aspect)
        _add_lasting(plan, first, middle, rng.uniform(0.08, 0.16), seen=True, look=plan.manner)
        _add_lasting(plan, second, far, rng.uniform(0.04, 0.12), seen=rng.random() < 0.5)
    else:
        name = kind or str(rng.choice(lasting))
        gain = rng.uniform(0.1, 0.2) if style == "ambience" else rng.uniform(0.004, 0.015)
        _add_lasting(plan, name, middle, gain, seen=style == "ambience", look=plan.manner)
    if rng.random() < (0.3 if style != "still" else 0.0):
        for _ in range(int(rng.integers(1, 3))):
            actor = DISTRACTORS[int(rng.integers(len(DISTRACTORS)))]
            plan.actors.insert(0, actor(rng, middle, Beats((), ()), ""))
    plan.actors.sort(key=lambda actor: actor.front)


def _add_struck(plan: _Plan, kind: str, stage: Stage, gain: float, look: str | None = None) -> None:
    look = look or kind
    choices = actors_for(look, lasting=False)
    chosen = choices[int(plan.rng.integers(len(choices)))]
    drive = beats(plan.rng, chosen.rhythm, plan.seconds)
    actor = chosen(plan.rng, stage, drive, look)
    plan.actors.append(actor)
    plan.tracks.append(Track(kind, drive, gain, chosen.choke))
    plan.counts.append(len(drive.times))
    for i, (time, strength) in enumerate(zip(drive.times, drive.strengths, strict=True)):
        x, y = actor.spot(i)
        plan.events.append(Event(time, kind, strength, x / stage.aspect, y))


def _add_lasting(
    plan: _Plan, kind: str, stage: Stage, gain: float, seen: bool, look: str | None = None
) -> None:
    look = look or kind
    choices = actors_for(look, lasting=True)
    chosen = choices[int(plan.rng.integers(len(choices)))]
    styles = chosen.levels if seen else ("steady",)
    drive = level(plan.rng, plan.seconds, styles[int(plan.rng.integers(len(styles)))])
    if seen:
        plan.actors.append(chosen(plan.rng, stage, drive, look))
    plan.tracks.append(Track(kind, drive, gain))
    plan.counts.append(0)


def _camera(plan: _Plan, style: str, aspect: float, background: Background) -> Camera:
    """Shots, shake, light and grain; still scenes stand quite still."""
    rng, seconds = plan.rng, plan.seconds
    still = style == "still"
    starts = [0.0]
    if not still and rng.random() < 0.15:
        starts += sorted(float(rng.uniform(0.1, 0.9)) * seconds for _ in range(int(rng.integers(1, 4))))
    shots = []
    for i, start in enumerate(starts):
        scenery = background if i == 0 else draw_background(rng, plan.split)
        zoom = float(rng.uniform(1.0, 1.25)) if len(starts) > 1 else float(rng.uniform(0.95, 1.1))
        x = 0.5 * aspect + float(rng.uniform(-0.04, 0.04))
        shots.append(Shot(start, x, 0.5 + (zoom - 1) * 0.15, zoom, bool(rng.random() < 0.5), scenery))
    return Camera(
        tuple(shots),
        shake=0.0 if still or rng.random() < 0.7 else float(rng.uniform(0.003, 0.018)),
        pan=0.0 if still or rng.random() < 0.9 else float(rng.uniform(0.01, 0.05)),
        flicker=0.0 if rng.random() < 0.9 else float(rng.uniform(0.03, 0.12)),
        gain=float(rng.uniform(0.85, 1.1)),
        grain=0.0 if rng.random() < 0.4 else float(rng.uniform(0.004, 0.03)),
        seed=int(rng.integers(2**31)),
    )
