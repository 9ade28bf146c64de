"""What moved between two pictures once the camera's own movement and the light's change are taken out.

A robust least-squares fit of "the whole picture shifted by (x, y) and became brighter by o" (the optical-flow
constraint of Lucas and Kanade 1981, over the whole frame), coarse to fine. Knows small luma pictures only.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

LEVELS = ((2, 3), (2, 2), (1, 2))  # coarse to fine: points averaged, rounds of the robust fit
CELLS = 8
BLUR = 0.15  # share of an edge that resampling a shifted picture may leave behind
TEXTURE = 0.012  # mean gradient (luma a pixel) from which a cell says something about a shift
EXPLAINED = (0.2, 0.4)  # share of cells that must agree before a shift is believed: none, fully


@dataclass(frozen=True)
class Change:
    """Differences between picture k-1 and k, k = 1 .. f-1, at 32 x 32 points.

    Attributes:
        before: [f-1, 32, 32] picture k-1, moved half of the shift towards its successor.
        after: [f-1, 32, 32] picture k, moved half of the shift back.
        moved: [f-1, 32, 32] signed luma difference after taking out shift and light.
        shift: [f-1, 2] shift of the whole picture in x (right) and y (down), in shares of the picture's
        width. light: [f-1] change of the light, luma.
    """

    before: Tensor
    after: Tensor
    moved: Tensor
    shift: Tensor
    light: Tensor


def separate(small: Tensor) -> Change:
    """Split the change of luma pictures [f, 32, 32] into camera shift, light, and what moved by itself."""
    before, after = small[:-1], small[1:]
    count, side = before.shape[0], small.shape[-1]
    shift = torch.zeros(count, 2)
    light = torch.zeros(count)
    for factor, rounds in LEVELS:
        first, second = (F.avg_pool2d(part[:, None], factor)[:, 0] for part in (before, after))
        half = shift * 0.5 / factor
        step, light = _fit(_moved(first, half), _moved(second, -half), rounds)
        shift = shift + step.clamp(-2, 2) * factor
    half = shift * 0.5
    held_before, held_after = _moved(before, half), _moved(after, -half)
    plain = after - before - light[:, None, None]
    held = held_after - held_before - light[:, None, None]
    gx, gy = gradients((held_before + held_after) / 2)
    texture = gx.abs() + gy.abs()
    slack = BLUR * texture * shift.norm(dim=1).clamp_max(1)[:, None, None]
    held = held.sign() * (held.abs() - slack).clamp_min(0)
    trust = _trust(texture, plain, held)
    part = trust[:, None, None]
    held_before, held_after = torch.lerp(before, held_before, part), torch.lerp(after, held_after, part)
    return Change(
        held_before, held_after, torch.lerp(plain, held, part), shift * trust[:, None] / side, light
    )


def gradients(pictures: Tensor) -> tuple[Tensor, Tensor]:
    """Central differences in x and y of [f, h, w], the edge repeated."""
    wide = F.pad(pictures[:, None], (1, 1, 1, 1), mode="replicate")[:, 0]
    return (wide[:, 1:-1, 2:] - wide[:, 1:-1, :-2]) / 2, (wide[:, 2:, 1:-1] - wide[:, :-2, 1:-1]) / 2


def _fit(before: Tensor, after: Tensor, rounds: int) -> tuple[Tensor, Tensor]:
    """Robust fit of after - before = -gx * x - gy * y + o; ([f, 2] shift in pixels, [f] light)."""
    gx, gy = gradients((before + after) / 2)
    change = (after - before).flatten(1)
    rows = torch.stack([-gx.flatten(1), -gy.flatten(1), torch.ones_like(change), change], 1)
    weight = torch.ones_like(change)
    ridge = torch.diag(torch.tensor([1e-4, 1e-4, 1e-6])) * change.shape[1]
    answer = torch.zeros(len(change), 3)
    for _ in range(rounds):
        products = torch.matmul(rows * weight[:, None], rows.transpose(1, 2))
        answer = torch.linalg.solve(products[:, :3, :3] + ridge, products[:, :3, 3])
        error = (torch.matmul(answer[:, None], rows[:, :3])[:, 0] - change).abs()
        odd = error / (error.mean(1, keepdim=True) + 0.004)
        weight = (odd * odd + 1).square().reciprocal()
    return answer[:, :2], answer[:, 2]


def _moved(pictures: Tensor, shift: Tensor) -> Tensor:
    """Pictures sampled at x - shift (content moves by +shift), [f, h, w], shift [f, 2] in pixels; edge
    repeated.
    """
    count, height, width = pictures.shape
    size = torch.tensor([width, height], dtype=torch.float32)
    still = F.affine_grid(torch.eye(2, 3)[None], [1, 1, height, width], align_corners=False)
    grid = still - (2 * shift / size)[:, None, None]  # what affine_grid gives for each, a product a point
    return F.grid_sample(pictures[:, None], grid, padding_mode="border", align_corners=False)[:, 0]


def _trust(texture: Tensor, plain: Tensor, held: Tensor) -> Tensor:
    """[f] in 0..1: do cells all over agree on the shift? One object on a plain ground must not count."""
    cell = texture.shape[-1] // CELLS
    some, loose, tight = (
        F.avg_pool2d(value[:, None], cell).flatten(1) for value in (texture, plain.abs(), held.abs())
    )
    agree = (some > TEXTURE) & (loose > 0.004) & (tight < 0.6 * loose)
    low, high = EXPLAINED
    return ((agree.float().mean(1) - low) / (high - low)).clamp(0, 1)
