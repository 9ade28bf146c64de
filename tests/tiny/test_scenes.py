"""Scenes: pure functions of the seed, splits apart, sounds at the events, captions and labels."""

from __future__ import annotations

import time
from collections import Counter
from fractions import Fraction
from typing import Any, cast

import numpy as np
import pytest
from scene_bank import EVENTS, LASTING, FakeBank

from soundvcm.errors import OptionError, StoreError
from tiny.scenes import RATES, STYLES, impacts, make_scene
from tiny.scenes.backgrounds import COMMON, FAMILIES
from tiny.scenes.captions import mistyped, typed_captions
from tiny.scenes.kinds import EVENTS as STRUCK_TABLE
from tiny.scenes.kinds import LASTING as LASTING_TABLE
from tiny.scenes.kinds import actors_for
from tiny.scenes.motion import Beats, Level
from tiny.scenes.scene import QUIET
from tiny.scenes.sound import Track, render
from tiny.sounds.bank import BANK_RATE, SPLITS, Bank


@pytest.fixture
def bank() -> Bank:
    return cast(Bank, FakeBank())


def scenes(bank: Bank, count: int, split: str = "train", **given: Any) -> list[Any]:
    return [make_scene(seed, bank, split, seconds=3.0, **given) for seed in range(count)]


def test_same_seed_same_scene_another_seed_another(bank: Bank) -> None:
    first, again, other = (make_scene(seed, bank, "train", seconds=2.0) for seed in (5, 5, 6))
    assert first.events == again.events and first.captions == again.captions and first.labels == again.labels
    assert np.array_equal(first.sampled(), again.sampled())
    assert np.array_equal(first.sound(bank), again.sound(bank))
    assert not np.array_equal(first.sampled(), other.sampled())


def test_pictures_do_not_depend_on_what_was_drawn_before(bank: Bank) -> None:
    scene = make_scene(3, bank, "train", seconds=2.0, kind="footstep")
    frames = dict(scene.frames(10, 48, 48))
    late = scene._renderer(48, 48).picture(1.5)
    assert np.array_equal(frames[Fraction(15, 10)], late)


def test_a_split_has_its_own_scenes_backgrounds_and_clips(bank: Bank) -> None:
    made = {split: make_scene(9, bank, split, seconds=2.0) for split in SPLITS}
    assert len({scene.events for scene in made.values()} | {scene.captions for scene in made.values()}) > 3
    for split, scene in made.items():
        cast(FakeBank, bank).asked.clear()
        scene.sound(bank)
        assert {asked for _, asked, _ in cast(FakeBank, bank).asked} == {split}
        for shot in scene.camera.shots:
            assert shot.background.family in FAMILIES[split]
    own = [set(FAMILIES[split]) - set(COMMON) for split in SPLITS]
    assert all(families for families in own) and not own[0] & own[1] and not own[0] & own[2]
    assert not own[1] & own[2]


def test_another_generator_is_another_rendition_of_the_same_events(bank: Bank) -> None:
    scene = make_scene(4, bank, "train", seconds=3.0, kind="hammer", style="event")
    first, second = scene.sound(bank, np.random.default_rng(1)), scene.sound(bank, np.random.default_rng(2))
    assert first.shape == second.shape and not np.allclose(first, second)


@pytest.mark.parametrize("kind", ["hammer", "ball_bounce", "dog_bark", "piano"])
def test_sounds_begin_at_the_events(bank: Bank, kind: str) -> None:
    """Each event's sound starts within 5 ms of the event: silence before, energy after."""
    for seed in range(4):
        scene = make_scene(seed, bank, "train", seconds=6.0, kind=kind, style="event")
        wave = scene.sound(bank, dry=True)
        assert wave.shape == (96_000,) and wave.dtype == np.float32
        times = [event.time for event in scene.events]
        for before, now in zip([-1.0, *times], times, strict=False):
            if now - before < 0.35:
                continue
            start = round((now - 0.3 + 0.15) * BANK_RATE)
            quiet = wave[max(start, 0) : round((now - 0.005) * BANK_RATE)]
            loud = wave[round((now - 0.005) * BANK_RATE) : round((now + 0.005) * BANK_RATE)]
            assert np.abs(loud).max() > 0.03
            assert np.abs(quiet).max(initial=0.0) < 0.02 * np.abs(loud).max()


def test_louder_where_stronger(bank: Bank) -> None:
    track = Track("hammer", Beats((0.5, 1.5), (0.2, 1.0)), 0.8)
    wave = render([track], bank, "train", 2.0, np.random.default_rng(0), dry=True)
    soft, hard = np.abs(wave[:BANK_RATE]).max(), np.abs(wave[BANK_RATE:]).max()
    assert 0.65 < hard <= 0.95 and 0.1 < soft / hard < 0.4


def test_a_voice_stops_when_it_starts_again(bank: Bank) -> None:
    beats = Beats((0.1, 0.15), (1.0, 0.2))
    last = {}
    for choke in (False, True):
        wave = render(
            [Track("dog_bark", beats, 0.8, choke)], bank, "train", 1.0, np.random.default_rng(3), True
        )
        last[choke] = float(np.abs(wave[round(0.1485 * BANK_RATE) : round(0.1495 * BANK_RATE)]).max())
    assert last[False] > 0.005 and last[True] < 0.2 * last[False]


def test_lasting_sound_follows_its_level(bank: Bank) -> None:
    curve = Level((0.0, 1.9, 2.1, 4.0), (1.0, 1.0, 0.25, 0.25))
    wave = render([Track("rain", curve, 0.15)], bank, "train", 4.0, np.random.default_rng(0))
    high, low = (float(np.sqrt(np.mean(part**2))) for part in (wave[8000:24000], wave[40000:56000]))
    assert high == pytest.approx(0.15, rel=0.15) and low / high == pytest.approx(0.25**1.5, rel=0.2)


def test_levels_and_peaks(bank: Bank) -> None:
    for scene in scenes(bank, 25):
        wave = scene.sound(bank)
        assert np.isfinite(wave).all() and np.abs(wave).max() <= 0.9501
        loudest = max(float(np.sqrt(np.mean(part**2))) for part in np.array_split(wave, 6))
        if scene.style == "ambience":
            assert 0.005 < loudest < 0.35
        if scene.style == "still":
            assert loudest < 0.03 and not scene.events


def test_another_sample_rate(bank: Bank) -> None:
    wave = make_scene(1, bank, "train", seconds=2.0).sound(bank, sample_rate=44_100)
    assert wave.shape == (88_200,) and wave.dtype == np.float32


def test_captions_and_labels_are_there_and_differ(bank: Bank) -> None:
    for scene in scenes(bank, 60):
        assert 3 <= len(scene.captions) <= 5 and len(set(scene.captions)) == len(scene.captions)
        assert all(text.strip() and "{" not in text and "_" not in text for text in scene.captions)
        assert scene.labels and all(scene.labels) and len(set(scene.labels)) == len(scene.labels)
        name = scene.kinds[0].replace("_", " ")
        assert all(name in text.lower() for text in scene.captions)
    assert make_scene(0, bank, "train", kind="splash", style="event").labels[0] == "splash"


def test_shares_of_styles_and_kinds(bank: Bank) -> None:
    made = [make_scene(1000 + seed, bank, "train", seconds=3.0) for seed in range(400)]
    styles = Counter(scene.style for scene in made)
    for style, share in STYLES.items():
        assert styles[style] / 400 == pytest.approx(share, abs=0.07)
    assert {scene.kinds[0] for scene in made} == {*EVENTS, *LASTING}
    assert {scene.rate for scene in made} == set(RATES)
    assert 0.1 < np.mean([len(scene.camera.shots) > 1 for scene in made]) < 0.25
    rates = [len(scene.events) / scene.seconds for scene in made if scene.events]
    assert 0.3 <= np.median(rates) <= 3 and max(rates) <= 10


def test_events_are_in_order_inside_and_in_the_picture(bank: Bank) -> None:
    for scene in scenes(bank, 60):
        times = [event.time for event in scene.events]
        assert times == sorted(times) and all(0.1 <= t <= scene.seconds - 0.1 for t in times)
        assert all(0.1 <= event.strength <= 1.0 for event in scene.events)
        assert all(-0.1 <= event.x <= 1.1 and 0 <= event.y <= 1.1 for event in scene.events)
        assert (not scene.events) == (scene.style in QUIET)


def test_a_sound_may_move_like_another_kind(bank: Bank) -> None:
    own = make_scene(7, bank, "train", kind="hammer", style="event")
    borrowed = make_scene(7, bank, "train", kind="hammer", style="event", manner="ball_bounce")
    assert borrowed.kinds == own.kinds == ("hammer",) and "hammer" in borrowed.captions[0].lower()
    assert any(isinstance(actor, impacts.Ball | impacts.Roller) for actor in borrowed.actors)
    assert not any(isinstance(actor, impacts.Ball | impacts.Roller) for actor in own.actors)
    with pytest.raises(OptionError, match="zither"):
        make_scene(7, bank, "train", manner="zither")


def test_a_room_is_never_quite_silent(bank: Bank) -> None:
    levels = []
    for seed in range(20):
        scene = make_scene(seed, bank, "train", seconds=4.0, kind="hammer", style="event")
        plain, toned = (scene.sound(bank, tone=tone) for tone in (False, True))
        tone = toned - plain
        levels.append(20 * np.log10(np.sqrt(np.mean(tone**2))))
        assert np.array_equal(toned, scene.sound(bank, tone=True))
    assert -74 < min(levels) < -60 and -56 < max(levels) < -42


def test_people_type_wishes_and_wrong_letters(bank: Bank) -> None:
    rng = np.random.default_rng(0)
    captions = make_scene(0, bank, "train").captions
    typed = [text for _ in range(40) for text in typed_captions(rng, captions)]
    assert not set(typed) & set(captions) and any("no music" in text for text in typed)
    spellings = {mistyped(rng, "rain on leaves") for _ in range(60)}
    assert {"rain on leaves", "rian on leaves", "rain on leavse"} & spellings and len(spellings) > 8
    assert mistyped(rng, "a b") == "a b"


def test_every_kind_of_any_bank_can_be_seen() -> None:
    for kind in STRUCK_TABLE:
        assert actors_for(kind, lasting=False) == STRUCK_TABLE[kind]
    for kind in LASTING_TABLE:
        assert actors_for(kind, lasting=True) == LASTING_TABLE[kind]
    assert actors_for("door_knock", lasting=False) and actors_for("zither", lasting=False)
    assert (
        actors_for("zither", lasting=True) and actors_for("heavy_rain", lasting=True) == LASTING_TABLE["rain"]
    )


@pytest.mark.parametrize("style", list(STYLES))
def test_a_style_may_be_asked_for(bank: Bank, style: str) -> None:
    scene = make_scene(2, bank, "test", seconds=2.0, style=style)
    assert scene.style == style
    struck = [track for track in scene.tracks if isinstance(track.drive, Beats)]
    wanted = {"event": (1, 0), "over": (1, 1), "ambience": (0, 1), "two": (2, 0), "still": (0, 1)}
    wanted["layers"] = (0, 2)
    assert (len(struck), len(scene.ambience)) == wanted[style]
    if style == "still":
        frames = scene._renderer(32, 32)
        assert (
            scene.camera.flicker
            or scene.camera.grain
            or np.array_equal(frames.picture(0.2), frames.picture(1.7))
        )


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"split": "dev"}, "train, valid, test"),
        ({"style": "loud"}, "ambience"),
        ({"kind": "zither"}, "zither"),
        ({"seconds": 0.5}, "at least 1 s"),
        ({"kind": "rain", "style": "event"}, "cannot be the main sound"),
        ({"kind": "hammer", "style": "still"}, "cannot be the main sound"),
    ],
)
def test_bad_arguments_are_refused_in_one_line(bank: Bank, given: dict[str, Any], word: str) -> None:
    with pytest.raises(OptionError, match=word) as caught:
        make_scene(1, bank, **{"split": "train", **given})
    assert "\n" not in str(caught.value)


def test_a_bank_without_the_clips_is_refused(bank: Bank) -> None:
    scene = make_scene(2, bank, "test", seconds=2.0, kind="rain", style="ambience")
    poor = cast(Any, FakeBank())
    poor.clips = lambda kind, split, mode: []
    with pytest.raises(StoreError, match="'rain'"):
        scene.sound(poor)
    with pytest.raises(OptionError, match="too few kinds"):
        make_scene(2, poor, "test")


def test_made_fast_enough(bank: Bank) -> None:
    """Pictures and sound of ten 8 s scenes: 0.25 s of one core each is the goal; twice that fails."""
    began = time.process_time()
    for seed in range(10):
        scene = make_scene(seed, bank, "train")
        scene.sampled()
        scene.sound(bank)
    assert time.process_time() - began < 5.0
