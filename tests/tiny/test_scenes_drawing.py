"""What is drawn: contact at the event's own time, all visible and in time, the same at any size, speed."""

from __future__ import annotations

import time
from typing import Any, cast

import numpy as np
import pytest
from scene_bank import FakeBank

from tiny.scenes import make_scene
from tiny.scenes.backgrounds import FAMILIES, Background
from tiny.scenes.camera import MARGIN, Camera, Renderer, Shot
from tiny.scenes.distractors import DISTRACTORS
from tiny.scenes.draw import Canvas
from tiny.scenes.kinds import EVENTS, LASTING
from tiny.scenes.motion import (
    NEVER,
    Beats,
    Level,
    Rhythm,
    beats,
    bouncing,
    fading,
    level,
    raised,
    ringing,
)
from tiny.scenes.stage import Actor, Stage, lightness
from tiny.sounds.bank import Bank

STRUCK = sorted({(kind, actor.__name__) for kind, actors in EVENTS.items() for actor in actors})
RUNNING = sorted({(kind, actor.__name__) for kind, actors in LASTING.items() for actor in actors})
HITS = Beats((1.0, 2.2, 3.4), (0.9, 0.7, 0.8))
GREY = Background("flat", 1, 0.5, 0.2)


def film(actor: Actor, size: int = 64, **camera: Any) -> Renderer:
    quiet = {"shake": 0.0, "pan": 0.0, "flicker": 0.0, "gain": 1.0, "grain": 0.0, "seed": 1, **camera}
    return Renderer(Camera((Shot(0.0, 0.5, 0.5, 1.0, False, GREY),), **quiet), [actor], 1.0, size, size)


def act(kind: str, name: str, drive: Beats | Level, seed: int = 0) -> Actor:
    table = EVENTS if isinstance(drive, Beats) else LASTING
    chosen = next(actor for actor in table[kind] if actor.__name__ == name)
    return chosen(np.random.default_rng(seed), Stage(0.5, 0.85, 0.65, 0.5, 1.0), drive, kind)


def change(renderer: Renderer, a: float, b: float) -> float:
    return float(np.abs(renderer.picture(a).astype(int) - renderer.picture(b).astype(int)).mean())


def test_moment_tells_how_far_the_events_are() -> None:
    m = HITS.at(1.3)
    assert (m.number, m.last, m.next) == (0, 0.9, 0.7)
    assert m.since == pytest.approx(0.3) and m.until == pytest.approx(0.9) and m.gap == pytest.approx(1.2)
    assert HITS.at(0.5).since == NEVER and HITS.at(0.5).number == -1 and HITS.at(9.0).until == NEVER


@pytest.mark.parametrize("offset", [0.0, 0.004, 0.013])
def test_strokes_touch_at_the_event_and_nowhere_else(offset: float) -> None:
    hits = Beats(tuple(t + offset for t in HITS.times), HITS.strengths)
    for t in hits.times:
        assert raised(hits.at(t)) == 0.0 and raised(hits.at(t - 1e-4)) < 0.01
        assert bouncing(hits.at(t), 0.4, 3.0) < 0.01 and bouncing(hits.at(t - 1e-4), 0.4, 3.0) < 0.01
        for away in (-0.05, 0.05, 0.3):
            assert raised(hits.at(t + away)) > 0.1 and bouncing(hits.at(t + away), 0.4, 3.0) > 0.02
    assert raised(hits.at(1.6 + offset)) > 0.7


def test_a_ball_between_near_events_flies_a_parabola_and_rests_when_spent() -> None:
    hits = Beats((1.0, 1.4), (0.8, 0.2))
    heights = [bouncing(hits.at(1.0 + x), 1.0, 5.0) for x in (0.1, 0.2, 0.3)]
    assert heights[1] == pytest.approx(0.5 * 5.0 * 0.04) and heights[0] == pytest.approx(heights[2])
    assert bouncing(hits.at(3.0), 1.0, 5.0) == 0.0


def test_fading_and_ringing_start_at_the_event() -> None:
    assert fading(HITS.at(1.0), 0.2) == pytest.approx(0.9) and fading(HITS.at(0.99), 0.2) == 0.0
    assert fading(HITS.at(1.2), 0.2) == pytest.approx(0.9 / np.e)
    assert ringing(HITS.at(1.05), 10.0, 0.2) == pytest.approx(-0.9 * np.exp(-0.25))


@pytest.mark.parametrize("style", ["regular", "loose", "bursts", "decaying", "rare"])
def test_rhythms_keep_apart_and_inside(style: str) -> None:
    for seed in range(12):
        drawn = beats(np.random.default_rng(seed), Rhythm(0.5, 6.0, 0.14, (style,)), 8.0)
        assert drawn.times and 0.15 <= drawn.times[0] and drawn.times[-1] <= 7.85
        assert len(drawn.times) < 2 or np.diff(drawn.times).min() >= 0.14
        assert all(0.12 <= strength <= 1 for strength in drawn.strengths)


def test_a_bouncing_ball_gets_weaker_until_it_is_thrown_again() -> None:
    drawn = beats(np.random.default_rng(1), Rhythm(0.5, 1.0, 0.1, ("decaying",)), 8.0)
    assert drawn.strengths[0] > drawn.strengths[1] > drawn.strengths[2]
    assert drawn.times[1] - drawn.times[0] > drawn.times[2] - drawn.times[1]


@pytest.mark.parametrize("style", ["steady", "swells", "gusts", "switched", "fades", "passing"])
def test_levels_stay_between_0_and_1(style: str) -> None:
    curve = level(np.random.default_rng(3), 6.0, style)
    values = curve.samples(600, 100)
    assert values.min() >= 0.0 and 0.4 < values.max() <= 1.0
    assert curve.turns(6.0) == pytest.approx(float(values.mean()) * 6.0, rel=0.03)


@pytest.mark.parametrize(("kind", "name"), STRUCK)
def test_each_event_is_seen_when_it_happens(kind: str, name: str) -> None:
    """Around an event the picture changes more than in the pause before the next one, and visibly."""
    for seed in (0, 1):
        renderer = film(act(kind, name, HITS, seed))
        around = [
            change(renderer, t + d, t + d + 0.04) for t in HITS.times for d in (-0.08, -0.04, 0.0, 0.04)
        ]
        later = [change(renderer, t + d, t + d + 0.04) for t in HITS.times[:2] for d in (0.55, 0.6)]
        best = np.asarray(around).reshape(3, 4).max(axis=1)
        assert best.min() > 0.12, "hardly visible"
        assert np.mean(best) > 1.15 * np.mean(later)


@pytest.mark.parametrize("kind", ["hammer", "drum_hit", "hand_clap", "punch", "piano", "typing"])
def test_the_event_is_a_turning_point(kind: str) -> None:
    """What strikes is at its extreme position at the event: the further off the longer before and after."""
    actor = EVENTS[kind][0]
    renderer = film(act(kind, actor.__name__, HITS), 96)
    for t in HITS.times:
        for side in (-1, 1):
            near, far = (
                change(renderer, t + 1e-4 * side, t + 0.02 * side),
                change(renderer, t + 1e-4 * side, t + 0.08 * side),
            )
            assert 0.0 < near < far


def test_the_ball_is_lowest_in_the_picture_nearest_to_the_event() -> None:
    """Sub-frame phase is real: the lowest picture of a film is the one next to the event, at any rate."""
    actor = cast(Any, act("ball_bounce", "Ball", Beats((1.013, 1.713), (0.9, 0.8))))
    for rate in (24, 25, 30, 60):
        times = np.arange(round(0.8 * rate), round(1.25 * rate)) / rate
        heights = [bouncing(actor.beats.at(float(t)), actor.top, actor.gravity) for t in times]
        assert abs(times[int(np.argmin(heights))] - 1.013) <= 0.5 / rate + 1e-9


@pytest.mark.parametrize("kind", ["gunshot", "explosion", "thunder"])
def test_flashes_come_with_the_first_picture_of_the_event(kind: str) -> None:
    renderer = film(act(kind, EVENTS[kind][0].__name__, HITS))
    for t in HITS.times:
        assert renderer.picture(t).mean() > renderer.picture(t - 1e-3).mean() + 1.0


@pytest.mark.parametrize(("kind", "name"), RUNNING)
def test_lasting_things_move_more_when_louder(kind: str, name: str) -> None:
    """With the level at 0.05 the picture changes less than with the level at 1."""
    moved = {}
    for value in (0.05, 1.0):
        renderer = film(act(kind, name, Level((0.0, 4.0), (value, value)), 2))
        moved[value] = np.mean([change(renderer, 1 + k * 0.3, 1.04 + k * 0.3) for k in range(6)])
    assert moved[1.0] > 0.15 and moved[1.0] > 1.1 * moved[0.05]


def test_a_passing_car_is_largest_when_loudest() -> None:
    curve = level(np.random.default_rng(0), 6.0, "passing")
    car = cast(Any, act("car_engine", "Car", curve))
    times = np.linspace(0.2, 5.8, 57)
    sizes, levels = np.asarray([car.pose(t)[2] for t in times]), np.asarray([curve.at(t) for t in times])
    assert car.passes and np.corrcoef(sizes, levels)[0, 1] > 0.99


@pytest.mark.parametrize("chosen", sorted(set(DISTRACTORS), key=lambda actor: actor.__name__))
def test_distractors_move_smoothly(chosen: type[Actor]) -> None:
    renderer = film(chosen(np.random.default_rng(4), Stage(0.5, 0.85, 0.65, 0.5, 1.0), Beats((), ()), ""))
    moved = [change(renderer, k / 12.5, (k + 1) / 12.5) for k in range(30)]
    assert max(moved) > 0.02 and max(moved) < 4 * np.median(moved) + 0.1


@pytest.mark.parametrize("family", sorted({family for families in FAMILIES.values() for family in families}))
def test_backgrounds_fill_the_picture_and_scale(family: str) -> None:
    background = Background(family, 7, 0.5, 0.4)

    def paint(size: int) -> np.ndarray:
        axis = ((np.arange(size) + 0.5) / size).astype(np.float32)
        return background.paint(*np.meshgrid(axis, axis))

    small, large = paint(32), paint(96)
    assert small.shape == (32, 32, 3) and small.min() >= 0 and small.max() <= 1
    assert np.abs(large.reshape(32, 3, 32, 3, 3).mean(axis=(1, 3)) - small).mean() < 0.06
    assert family == "flat" or small.std() > 0.01


def test_the_same_at_any_size() -> None:
    scene = make_scene(8, cast(Bank, FakeBank()), "train", seconds=2.0, kind="ball_bounce", style="event")
    large = np.stack([frame for _, frame in scene.frames(5, 192, 192)]).astype(float)
    small = np.stack([frame for _, frame in scene.frames(5, 64, 64)]).astype(float)
    shrunk = large.reshape(10, 64, 3, 64, 3, 3).mean(axis=(2, 4))
    assert np.abs(shrunk - small).mean() < 6.0


def test_a_slow_film_is_held_by_the_reader() -> None:
    bank = cast(Bank, FakeBank())
    scene = next(s for s in (make_scene(k, bank, "train", 2.0, "hammer") for k in range(99)) if s.rate == 10)
    seen = scene.sampled(25, 32)
    film_frames = [frame for _, frame in scene.frames(None, 32, 32)]
    assert seen.shape == (50, 32, 32, 3) and seen.dtype == np.uint8 and len(film_frames) == 20
    for k in range(50):
        assert np.array_equal(seen[k], film_frames[k * 10 // 25])


def test_pictures_for_a_picture_encoder() -> None:
    scene = make_scene(8, cast(Bank, FakeBank()), "train", seconds=3.0)
    assert scene.pictures(48).shape == (3, 48, 48, 3) and scene.pictures(48, 4.0).shape == (1, 48, 48, 3)


def test_shake_moves_everything_and_stays_in_the_margin() -> None:
    actor = act("hammer", "Striker", HITS)
    camera = Camera((Shot(0.0, 0.5, 0.5, 1.0, False, GREY),), 0.05, 0.05, 0.0, 1.0, 0.0, 5)
    offsets = np.asarray([camera.offset(k / 50, [actor]) for k in range(400)])
    assert np.abs(offsets).max() < MARGIN and offsets.std() > 0.005
    steady, shaken = film(actor), film(actor, shake=0.02)
    assert change(steady, 4.5, 4.6) < 0.5 * change(shaken, 4.5, 4.6)


def test_a_blast_kicks_the_camera() -> None:
    blast = act("explosion", "Explosion", HITS)
    camera = film(blast)._camera
    assert camera.offset(0.99, [blast]) == (0.0, 0.0)
    assert max(abs(v) for v in camera.offset(1.03, [blast])) > 0.005


def test_mirrored_shot_is_the_mirror_image() -> None:
    actor = act("hammer", "Striker", HITS)
    views = [Camera((Shot(0.0, 0.5, 0.5, 1.1, flip, GREY),), 0, 0, 0, 1.0, 0, 1) for flip in (False, True)]
    plain, mirrored = (Renderer(view, [actor], 1.0, 64, 64).picture(1.5).astype(int) for view in views)
    assert np.abs(plain[:, ::-1] - mirrored).mean() < 0.5 < np.abs(plain - mirrored).mean()


def test_a_cut_changes_the_picture_at_its_time() -> None:
    lights = ((0.0, 0.2), (1.5, 0.8))
    shots = tuple(
        Shot(start, 0.5, 0.5, 1.0, False, Background("flat", 1, light, 0.1)) for start, light in lights
    )
    renderer = Renderer(Camera(shots, 0, 0, 0, 1.0, 0, 1), [], 1.0, 32, 32)
    assert renderer.picture(1.49).mean() < 0.4 * renderer.picture(1.5).mean()


def test_shapes_have_their_areas() -> None:
    canvas = Canvas(100, 100, 1.0)
    white = (1.0, 1.0, 1.0)

    def area() -> float:
        found = float(canvas.image[..., 0].mean())
        canvas.image[:] = 0.0
        return found

    canvas.disc(0.5, 0.5, 0.2, white)
    assert area() == pytest.approx(np.pi * 0.04, rel=0.02)
    canvas.ellipse(0.5, 0.5, 0.3, 0.1, white, angle=0.7)
    assert area() == pytest.approx(np.pi * 0.03, rel=0.04)
    canvas.box(0.5, 0.5, 0.2, 0.1, white, angle=0.4)
    assert area() == pytest.approx(0.08, rel=0.03)
    canvas.line(0.2, 0.5, 0.8, 0.6, 0.06, white)
    assert area() == pytest.approx(0.06 * np.hypot(0.6, 0.1) + np.pi * 0.03**2, rel=0.03)
    canvas.polygon([(0.2, 0.2), (0.8, 0.2), (0.2, 0.8)], white)
    assert area() == pytest.approx(0.18, rel=0.03)
    canvas.ring(0.5, 0.5, 0.3, 0.04, white)
    assert area() == pytest.approx(2 * np.pi * 0.3 * 0.04, rel=0.03)
    canvas.strokes(
        np.asarray([0.2]), np.asarray([0.5]), np.asarray([0.8]), np.asarray([0.5]), white, 1.0, 0.02
    )
    assert area() == pytest.approx(0.012, rel=0.15)


def test_colours_stand_out() -> None:
    for light in (0.1, 0.3, 0.5, 0.8):
        stage = Stage(0.5, 0.8, 0.5, light, 1.0)
        for seed in range(40):
            color = stage.ink(np.random.default_rng(seed))
            assert all(0 <= part <= 1 for part in color)
            assert abs(lightness(color) - light) > 0.24 or lightness(color) < 0.1 or lightness(color) > 0.9


def test_drawing_is_fast() -> None:
    """A picture of 96 x 96 in 1.5 ms of one core on average is the goal; twice that fails."""
    bank = cast(Bank, FakeBank())
    spent, count = 0.0, 0
    for seed in range(8):
        scene = make_scene(seed, bank, "train", seconds=2.0)
        began = time.process_time()
        count += sum(1 for _ in scene.frames(25))
        spent += time.process_time() - began
    assert spent / count < 0.003
