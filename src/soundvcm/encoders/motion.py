"""Motion as a measurement: small pictures at 25/s => 48 numbers a picture; nothing here is learned.

What a foley artist watches: how much moves and where, which way, when it starts, stops, turns; light; cuts.
Camera shake and light are taken out first (`global_motion`). A 10 fps source shown at 25/s moves in jumps:
each is spread over the repeated pictures before it (`_RepeatSpreader`), exact and recompressed ones; a scene
that truly rests stays at rest. Knows no files and no weights. The columns are named in `MOTION_COLUMNS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil

import torch
import torch.nn.functional as F
from torch import Tensor

from soundvcm.encoders import global_motion
from soundvcm.encoders.base import check_frames, luma, shrink
from soundvcm.records import FrameSpec

SIDE = 64
GRID = 4
NOISE = 0.008  # luma differences below this are sensor and codec noise
FLASH = 0.03  # change of the light (luma) from which a flash is assumed
MOVING = 0.03  # luma difference from which a point counts as moving

MOTION_COLUMNS = (
    *(f"moved_{row}{column}" for row in range(GRID) for column in range(GRID)),
    *(f"brighter_{row}{column}" for row in range(2) for column in range(2)),
    "level", "level_relative", "fine_level", "peak_cell", "area",
    "rise", "fall", "rise_relative", "prominence", "is_peak",
    "centre_x", "centre_y", "spread",
    "velocity_x", "velocity_y", "speed", "speed_down", "speed_up",
    "turn", "stop", "impact",
    "brightness", "light_up", "light_down",
    "camera_x", "camera_y", "camera", "cut",
)  # fmt: skip
LEVEL = MOTION_COLUMNS.index("level")
SLOW = 1.02  # mean spacing from which the source is taken to be slower than 25 pictures a second
NEAR = 3  # pictures within which movement must go on at both sides of a near repeat
REPEAT_SHARE = 0.15  # change, in shares of the change around, below which a picture is a near repeat
LONGEST_HOLD = 6  # pictures: sources down to 25 / 6 = 4.2 pictures a second


class MotionEncoder:
    """The sync encoder of `tiny`: frames uint8 [g, 64, 64, 3] at 25/s => features float32 [g, 48]."""

    name = "motion-1"
    dim = len(MOTION_COLUMNS)
    frame_spec = FrameSpec(rate=Fraction(25), height=SIDE, width=SIDE, fit="stretch", exact=False)

    def encode(self, frames: Tensor) -> Tensor:
        """Frames uint8 [g, 64, 64, 3] => float32 [g, 48], about -1..1 each; see `MOTION_COLUMNS`.

        Row k tells what happened between picture k-1 and k (row 0 repeats row 1). Always computed on the
        CPU in float32, so that a device never changes it.

        Raises:
            InputError: if the frames are not uint8; ShapeError for another size.
        """
        count = check_frames(frames, SIDE, SIDE)
        if count == 1:
            frames = frames.repeat(2, 1, 1, 1)
        with torch.inference_mode():
            return _features(frames.cpu())[:count].clone()


def motion_level(features: Tensor) -> Tensor:
    """How much moves at each picture, from features [..., g, 48] => [..., g], linear scale; for reports."""
    return features[..., LEVEL].clamp_min(0) ** 2


def _features(frames: Tensor) -> Tensor:
    large = luma(frames)
    small = shrink(large, 2)
    change = global_motion.separate(small)
    cut = _cuts(change)
    moved = _bridge_cuts(change.moved, cut)
    fine = _bridge_cuts(shrink((large[1:] - large[:-1]).abs(), 2), cut)
    repeats = _repeat_spreader(frames, small)
    moved, fine, light, shift = (
        repeats.spread(x) for x in (moved, fine, _bridge_cuts(change.light, cut), change.shift)
    )
    velocity = repeats.spread(_bridge_cuts(_velocity(change), cut))
    columns = [
        *_where(moved), *_amount(moved, fine), *_rhythm(moved, repeats.spacing, cut), *_centre(moved),
        *_direction(velocity, cut),
        *_light(small, light), *_camera(shift, cut),
    ]  # fmt: skip
    return torch.stack(columns, 1)


def _amplitude(moved: Tensor) -> Tensor:
    """[g, 32, 32] size of the change, noise floor taken off."""
    return (moved.abs() - NOISE).clamp_min(0)


def _where(moved: Tensor) -> list[Tensor]:
    """Coarse grids: amount of motion 4 x 4 (square root), signed change 2 x 2."""
    amount = F.adaptive_avg_pool2d(_amplitude(moved)[:, None], GRID).flatten(1)
    signed = F.adaptive_avg_pool2d(moved[:, None], 2).flatten(1)
    return [*(amount.sqrt() * 3).unbind(1), *(_root(signed) * 3).unbind(1)]


def _level(moved: Tensor) -> Tensor:
    """[g] overall motion, square root of the mean amplitude, about 0..1."""
    return _amplitude(moved).flatten(1).mean(1).sqrt() * 4


def _amount(moved: Tensor, fine: Tensor) -> list[Tensor]:
    """Level: absolute, relative to the clip's own, at full detail with the camera left in, strongest cell,
    area.
    """
    level = _level(moved)
    cells = F.avg_pool2d(_amplitude(moved)[:, None], 4).flatten(1)
    area = (moved.abs() > MOVING).flatten(1).float().mean(1)
    return [
        level,
        _bounded(level / _own_scale(level)),
        _bounded(_level(fine)),
        cells.amax(1).sqrt() * 1.5,
        area.sqrt() * 1.5,
    ]


def _rhythm(moved: Tensor, spacing: float, cut: Tensor) -> list[Tensor]:
    """Starts and peaks of the level: what an onset of sound most often goes with."""
    level = _level(moved)
    scale = _own_scale(level)
    before = _windowed(level, 3, 0, "mean")
    same = _same_shot(cut, 3, 0)
    rise, fall = (level - before).clamp_min(0) * same, (before - level).clamp_min(0) * same
    around = _windowed(level, 8, 8, "mean")
    prominence = (level - around).clamp_min(0) * same
    reach = 0 if spacing < 1.5 else round(spacing / 2)
    smooth = _windowed(level, reach, reach, "mean")
    top = (smooth >= _windowed(smooth, 3, 3, "max")) & (smooth > _windowed(smooth, 1, -1, "mean"))
    peak = top & (prominence > 0.15 * scale) & (level > 0.05)
    return [rise * 2, fall * 2, _bounded(rise / scale), prominence * 2, peak.float()]


def _centre(moved: Tensor) -> list[Tensor]:
    """Where the motion is (-1..1, 0 when nothing moves) and how widely it is spread."""
    weight = _amplitude(moved)
    total = weight.flatten(1).sum(1)
    ramp = torch.linspace(-1, 1, weight.shape[-1])
    steady = total / (total + 1.0)
    x = (weight.sum(1) * ramp).sum(1) / (total + 1e-6)
    y = (weight.sum(2) * ramp).sum(1) / (total + 1e-6)
    spread = (weight.sum(1) * ramp**2).sum(1) + (weight.sum(2) * ramp**2).sum(1)
    width = (spread / (total + 1e-6) - x**2 - y**2).clamp_min(0).sqrt()
    return [x * steady, y * steady, width * steady]


def _direction(velocity: Tensor, cut: Tensor) -> list[Tensor]:
    """Velocity of what moves; turns and stops of it; and the foley artist's sign: it fell and now it does
    not.
    """
    x, y = velocity.unbind(1)
    speed = velocity.norm(dim=1)
    earlier, later = _windowed(velocity, 2, -1, "mean"), _windowed(velocity, -1, 2, "mean")
    same = _same_shot(cut, 2, 2)
    turn = (later - earlier).norm(dim=1) * same
    stop = (earlier.norm(dim=1) - later.norm(dim=1)).clamp_min(0) * same
    impact = (earlier[:, 1] - later[:, 1]).clamp_min(0) * (earlier[:, 1] > 0) * same
    signed = [_root(x) * 3, _root(y) * 3]
    sizes = [speed, y.clamp_min(0), (-y).clamp_min(0), turn, stop, impact]
    return [*signed, *(size.sqrt() * 3 for size in sizes)]


def _light(small: Tensor, light: Tensor) -> list[Tensor]:
    """Brightness of the picture and sudden changes of it (flashes)."""
    return [small.flatten(1).mean(1) * 2 - 1, light.clamp_min(0).sqrt() * 3, (-light).clamp_min(0).sqrt() * 3]


def _camera(shift: Tensor, cut: Tensor) -> list[Tensor]:
    """Shift of the whole picture, its size, and 1 at the first picture of a new shot."""
    x, y = (_root(part) * 4 for part in shift.unbind(1))
    flag = F.pad(cut.float(), (1, 0))
    return [x, y, shift.norm(dim=1).sqrt() * 4, flag]


def _velocity(change: global_motion.Change) -> Tensor:
    """[g-1, 2] velocity (shares of the picture a frame, x right, y down) of what moves, camera taken out.

    Lucas-Kanade flow on 16 x 16 points over 5 x 5 windows, averaged with the size of the change as weight.
    """
    before, after, moved = (shrink(part, 2) for part in (change.before, change.after, change.moved))
    gx, gy = global_motion.gradients((before + after) / 2)
    products = torch.stack([gx * gx, gx * gy, gy * gy, gx * moved, gy * moved], 1)
    xx, xy, yy, xt, yt = F.avg_pool2d(products, 5, stride=1, padding=2).unbind(1)
    ridge = 2e-4
    det = (xx + ridge) * (yy + ridge) - xy * xy
    flow = torch.stack([xy * yt - (yy + ridge) * xt, xy * xt - (xx + ridge) * yt], 1) / det[:, None]
    flow = (flow / before.shape[-1]).clamp(-0.2, 0.2)
    weight = (moved.abs() - NOISE).clamp_min(0)[:, None]
    steady = 1 / (1 + (change.light / FLASH) ** 2)  # in a flash edges appear and vanish, which is no movement
    return (flow * weight).flatten(2).sum(2) / (weight.flatten(2).sum(2) + 0.2) * steady[:, None]


def _cuts(change: global_motion.Change) -> Tensor:
    """[g-1] bool: a new shot starts. The picture stops resembling the one before, all over, and only once.

    Compared after the camera's shift was taken out and on 8 x 8 points, so that a shaken picture stays alike.
    """
    before, after = (shrink(part, 4).flatten(1) for part in (change.before, change.after))
    first, second = (part - part.mean(1, keepdim=True) for part in (before, after))
    alike = (first * second).sum(1) / (first.norm(dim=1) * second.norm(dim=1) + 0.04)
    everywhere = ((after - before).abs() > 0.04).float().mean(1)
    new = (1 - alike) * (everywhere > 0.4)
    around = _windowed(new, 3, 3, "mean") - new / 7
    found: Tensor = (new > 0.4) & (new > 2.5 * around) & (new >= _windowed(new, 2, 2, "max"))
    return found


def _same_shot(cut: Tensor, back: int, ahead: int) -> Tensor:
    """[g] 1 where pictures k-back .. k+ahead belong to one shot, else 0: what is compared across a cut is
    no event.
    """
    near = _windowed(F.pad(cut.float(), (1, 0)), back, ahead, "max")
    return torch.ones_like(near).sub(near)


def _bridge_cuts(values: Tensor, cut: Tensor) -> Tensor:
    """Replace the differences across a cut, which are no motion, by the mean of their neighbours."""
    if not bool(cut.any()):
        return values
    padded = torch.cat(
        [values[1:2] if len(values) > 1 else values, values, values[-2:-1] if len(values) > 1 else values]
    )
    mean = (padded[:-2] + padded[2:]) / 2
    return torch.where(cut.view(-1, *[1] * (values.ndim - 1)), mean, values)


def _own_scale(level: Tensor) -> Tensor:
    """The clip's own scale: its 95th percentile, but never so small that noise fills the range."""
    return torch.quantile(level, 0.95) * 0.9 + 0.1


def _windowed(values: Tensor, back: int, ahead: int, kind: str) -> Tensor:
    """Mean or max over k-back .. k+ahead (ends repeated), [g] or [g, c]; negative bounds exclude k."""
    flat = values[:, None] if values.ndim == 1 else values
    reach = max(back, ahead)
    padded = torch.cat([flat[:1].expand(reach, -1), flat, flat[-1:].expand(reach, -1)])
    windows = padded.unfold(0, back + ahead + 1, 1)[reach - back :][: len(flat)]
    found = windows.amax(-1) if kind == "max" else windows.mean(-1)
    return found[:, 0] if values.ndim == 1 else found


def _bounded(values: Tensor) -> Tensor:
    """Not negative => below 2, nearly the same up to 1: one huge event must not leave the usual range."""
    return 2 * torch.tanh(values / 2)


def _root(values: Tensor) -> Tensor:
    """Square root that keeps the sign."""
    return values.sign() * values.abs().sqrt()


@dataclass(frozen=True)
class _RepeatSpreader:
    """For each picture, the change to show there and its share.

    Attributes:
        source: [g] index of a difference (0 .. g-2, between picture i and i+1).
        share: [g] factor; 0 where the scene rests.
        spacing: pictures at 25/s that one picture of the source lasts; 1 for sources of 25 and more a second.
    """

    source: Tensor
    share: Tensor
    spacing: float

    def spread(self, differences: Tensor) -> Tensor:
        """Differences [g-1, ...] => changes [g, ...], row k belonging to picture k."""
        share = self.share.view(-1, *[1] * (differences.ndim - 1))
        return differences[self.source] * share


def _repeat_spreader(frames: Tensor, small: Tensor) -> _RepeatSpreader:
    """How to spread the differences of frames [g, h, w, 3], g >= 2; `small` [g, ...] is their luma, shrunk.

    A change seen at picture k after a run of repeats took place during the pictures before, at most as
    many as one picture of the source lasts (p, rounded up); each of them shows 1 / p of it, so that a
    steady movement is steady although repeats come in runs of unequal length. Row 0 repeats row 1.
    """
    changed = _changes(frames, small)
    count = len(changed)
    at = torch.arange(count)
    gap = _gaps(changed, at)
    spacing = _usual_spacing(gap[changed])
    coming = torch.where(changed, at, count)
    following = coming.flip(0).cummin(0).values.flip(0)
    source = following.clamp_max(count - 1)
    width = gap[source].clamp_max(ceil(spacing))
    reached = (following < count) & (source - at < width)
    share = reached.float() / spacing
    return _RepeatSpreader(torch.cat([source[:1], source]), torch.cat([share[:1], share]), spacing)


def _changes(frames: Tensor, small: Tensor) -> Tensor:
    """[g-1] bool: False for exact repeats, and for near ones (recompressed) in the midst of movement."""
    different = (frames[1:] != frames[:-1]).flatten(1).any(1)
    amount = (small[1:] - small[:-1]).abs().flatten(1).mean(1)
    edge = torch.zeros(NEAR)
    windows = torch.cat([edge, amount, edge]).unfold(0, NEAR, 1).amax(1)
    around = torch.minimum(windows[: len(amount)], windows[NEAR + 1 :][: len(amount)])
    return different & ~(amount < REPEAT_SHARE * around)


def _gaps(changed: Tensor, at: Tensor) -> Tensor:
    """[g-1] pictures since the change before, counted at each difference (from the clip's start for the
    first).
    """
    last = torch.where(changed, at, -1).cummax(0).values
    before = torch.cat([torch.tensor([-1]), last[:-1]])
    return at - before


def _usual_spacing(gaps: Tensor) -> float:
    """Mean spacing of the changes that follow one another closely; a few pauses of a 25/s source do not
    count.
    """
    short = gaps[gaps <= LONGEST_HOLD].float()
    if len(short) < 3:
        return 1.0
    mean = float(short.mean())
    return mean if mean > SLOW else 1.0
