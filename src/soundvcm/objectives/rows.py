"""The rows of one step: times, dropped conditions, guidance scales, noisy data (Algorithm 1, lines 2, 3).

Also the settings that all objectives share. Knows nothing of targets or losses.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pydantic
import torch
from torch import Tensor

from soundvcm.config import Config
from soundvcm.objectives.path import draw_noise, interpolate, sample_velocity, wide
from soundvcm.objectives.times import Times, draw_times, uniform
from soundvcm.records import Conditions, check_shape
from soundvcm.runtime import sent


class RowsConfig(Config):
    """What every objective needs to know of its rows.

    Attributes:
        time_mean: mean of the normal law under the sigmoid that times follow.
        time_std: its standard deviation.
        null_share: share of rows whose whole condition is replaced by the empty one.
        modality_dropout: share of rows that lose the pictures and, independently, the text (paper: 0; the
            reference system drops each with 0.1, without which video-only or text-only generation is
            untrained).
        semantic_dropout: of the rows that are left with text and pictures, the share that loses what the
            pictures mean and keeps their motion (paper: 0): otherwise words with motion never occur.
        semantic_swap: of the same rows, the share that gets what another row's pictures mean (paper: 0):
            where words and pictures differ, the words are to be heard.
        power: p of the adaptive weight 1/(mse + epsilon)^p (Equation 11); 0 is the plain mean square.
        epsilon: its smoothing term, on the mean over latents and channels.
    """

    time_mean: float = -0.4
    time_std: float = pydantic.Field(default=1.0, gt=0)
    null_share: float = pydantic.Field(default=0.1, ge=0, le=1)
    modality_dropout: float = pydantic.Field(default=0.0, ge=0, le=1)
    semantic_dropout: float = pydantic.Field(default=0.0, ge=0, le=1)
    semantic_swap: float = pydantic.Field(default=0.0, ge=0, le=1)
    power: float = pydantic.Field(default=1.0, ge=0)
    epsilon: float = pydantic.Field(default=0.01, gt=0)

    @pydantic.model_validator(mode="after")
    def _shares(self) -> RowsConfig:
        if self.semantic_dropout + self.semantic_swap > 1:
            raise ValueError("semantic_dropout and semantic_swap share the same rows: at most 1 in all")
        return self


class PairsConfig(RowsConfig):
    """What objectives for the mean velocity share: velocity and consistency rows, trained-in guidance.

    Attributes:
        ratio: r, share of velocity rows (s = t).
        gap: least t - s and t - l of consistency rows.
        endpoint_share: share of the consistency rows moved to t = 1 and, independently, to s = 0 (paper: 0).
        guidance: w, the scale that is trained in; 1 means none.
        mix: m, share of the sample's guided velocity in v_mix (Equation 16); the rest is the network's own.
        guidance_from: guidance acts on rows with t at or above this,
        guidance_until: and at or below this.
        guidance_input: draw w per row from `guidance_range` (log-uniform) and give it to the network as an
            input.
        guidance_range: least and greatest w that are drawn.
        warm_start: share of the training that is velocity rows only, before consistency begins.
        equal_calls: make every gradient-free call on every process even where no row needs it (sharded
            networks).
    """

    ratio: float = pydantic.Field(default=0.75, ge=0, le=1)
    gap: float = pydantic.Field(default=1e-4, gt=0, lt=0.5)
    endpoint_share: float = pydantic.Field(default=0.0, ge=0, le=1)
    guidance: float = pydantic.Field(default=4.0, ge=0)
    mix: float = pydantic.Field(default=0.25, gt=0, le=1)
    guidance_from: float = pydantic.Field(default=0.0, ge=0, le=1)
    guidance_until: float = pydantic.Field(default=0.8, ge=0, le=1)
    guidance_input: bool = False
    guidance_range: tuple[float, float] = (1.0, 8.0)
    warm_start: float = pydantic.Field(default=0.0, ge=0, le=1)
    equal_calls: bool = False

    retired: ClassVar[dict[str, Any]] = {"mix_law": "constant", "guidance_fade": "hard"}

    @pydantic.model_validator(mode="after")
    def _ordered(self) -> PairsConfig:
        low, high = self.guidance_range
        if not 0 < low <= high:
            raise ValueError(
                f"guidance_range is (least, greatest) with 0 < least <= greatest, not {(low, high)}"
            )
        if self.guidance_from > self.guidance_until:
            raise ValueError("guidance_from must not be above guidance_until")
        return self


@dataclass(frozen=True)
class Rows:
    """One batch, ready for the network.

    Attributes:
        noisy: [b, n, c] x_t.
        velocity: [b, n, c] noise - data.
        t: [b] on the data's device.
        s: [b] likewise.
        conditions: after dropping.
        guidance: [b] w of each row on the device (1 on null rows) if it is an input of the network, else
            None.
        times: the same times, float64 on the CPU, with the rows' roles.
        null: [b] bool on the CPU: rows without any condition.
        scale: [b] float64 on the CPU: w of each row.
    """

    noisy: Tensor
    velocity: Tensor
    t: Tensor
    s: Tensor
    conditions: Conditions
    guidance: Tensor | None
    times: Times
    null: Tensor
    scale: Tensor

    @property
    def device(self) -> torch.device:
        """Where the tensors live."""
        return self.noisy.device


def draw_rows(
    config: RowsConfig,
    data: Tensor,
    conditions: Conditions,
    noise: Tensor | None,
    generator: torch.Generator,
    *,
    velocity_only: bool = False,
) -> Rows:
    """Steps 1 and 2: roles and times, dropped conditions, w, noise and x_t of every row.

    Args:
        config: the settings; a plain `RowsConfig` has velocity rows only.
        data: [b, n, c].
        conditions: of the same rows.
        noise: [b, n, c] recorded noise, or None for fresh noise.
        generator: the source of all draws.
        velocity_only: make every row a velocity row.

    Raises:
        ShapeError: if data, noise and conditions do not have the same rows.
    """
    batch = check_rows(data, conditions, noise)
    pairs = config if isinstance(config, PairsConfig) else None
    times = draw_times(
        batch,
        ratio=1.0 if pairs is None or velocity_only else pairs.ratio,
        mean=config.time_mean,
        std=config.time_std,
        gap=pairs.gap if pairs else 1e-4,
        endpoint_share=pairs.endpoint_share if pairs else 0.0,
        generator=generator,
    )
    return _rows(config, data, conditions, noise, generator, times)


def rows_at(
    config: RowsConfig,
    data: Tensor,
    conditions: Conditions,
    noise: Tensor | None,
    generator: torch.Generator,
    *,
    t: float,
    s: float,
) -> Rows:
    """As `draw_rows`, but every row at the same given times, s <= t."""
    batch = check_rows(data, conditions, noise)
    times = Times(
        torch.full((batch,), t, dtype=torch.float64),
        torch.full((batch,), s, dtype=torch.float64),
        torch.full((batch,), s < t),
    )
    return _rows(config, data, conditions, noise, generator, times)


def check_rows(data: Tensor, conditions: Conditions, noise: Tensor | None) -> int:
    """The number of rows.

    Raises:
        ShapeError: if data, noise and conditions do not have the same rows.
    """
    sizes = check_shape("data", data, "b n c", b=conditions.batch)
    if noise is not None:
        check_shape("noise", noise, "b n c", **sizes)
    return sizes["b"]


def _rows(
    config: RowsConfig,
    data: Tensor,
    conditions: Conditions,
    noise: Tensor | None,
    generator: torch.Generator,
    times: Times,
) -> Rows:
    conditions, null = conditions_of(config, conditions, data.device, generator)
    pairs = config if isinstance(config, PairsConfig) else None
    scale = _draw_scale(pairs, len(null), generator)
    guidance = None
    if pairs is not None and pairs.guidance_input:
        scale = torch.where(null, 1.0, scale)
        guidance = sent(scale, data.device, wide(data).dtype)
    if noise is None:
        noise = draw_noise(data, generator)
    t, s = (sent(time, data.device, wide(data).dtype) for time in (times.t, times.s))
    return Rows(
        noisy=interpolate(data, noise, t),
        velocity=sample_velocity(data, noise),
        t=t,
        s=s,
        conditions=conditions,
        guidance=guidance,
        times=times,
        null=null,
        scale=scale,
    )


def conditions_of(
    config: RowsConfig, conditions: Conditions, device: torch.device, generator: torch.Generator
) -> tuple[Conditions, Tensor]:
    """The conditions after dropping, whole on the device, and [b] bool on the CPU: rows without any.

    The loop leaves the flags on the CPU, so that nobody asks a GPU which rows are empty.
    """
    dropped = drop_conditions(
        conditions,
        null_share=config.null_share,
        modality_dropout=config.modality_dropout,
        generator=generator,
    )
    if config.semantic_dropout or config.semantic_swap:
        dropped = mislead(
            dropped, drop=config.semantic_dropout, swap=config.semantic_swap, generator=generator
        )
    flags = {name: getattr(dropped, name) for name in ("has_semantic", "has_sync", "has_text")}
    there = replace(dropped, **{name: sent(flag, device) for name, flag in flags.items()})
    return there, dropped.is_empty.cpu()


def drop_conditions(
    conditions: Conditions, *, null_share: float, modality_dropout: float, generator: torch.Generator
) -> Conditions:
    """Step 2: a share of rows loses every condition; others lose the pictures or the text, independently."""
    drawn = uniform(3 * conditions.batch, generator).reshape(3, -1)
    null = drawn[0] < null_share
    return conditions.without(
        video=null | (drawn[1] < modality_dropout), text=null | (drawn[2] < modality_dropout)
    )


def mislead(conditions: Conditions, *, drop: float, swap: float, generator: torch.Generator) -> Conditions:
    """Where there are words, pictures alone go, or become those of the row before; motion stays.

    Args:
        conditions: of a batch.
        drop: share of the rows with words and pictures that lose the latter.
        swap: share that gets another row's, which go where that row has none.
        generator: the source of all draws.
    """
    drawn = uniform(conditions.batch, generator).to(conditions.has_text.device)
    both = conditions.has_text & conditions.has_semantic
    swapped = both & (drawn >= drop) & (drawn < drop + swap)
    others = conditions.semantic.roll(1, dims=0)
    there = sent(swapped, others.device)[:, None, None]
    missing = swapped & ~conditions.has_semantic.roll(1)
    mixed = replace(conditions, semantic=torch.where(there, others, conditions.semantic))
    return mixed.without(semantic=(both & (drawn < drop)) | missing)


def _draw_scale(pairs: PairsConfig | None, batch: int, generator: torch.Generator) -> Tensor:
    if pairs is None:
        return torch.ones(batch, dtype=torch.float64)
    if not pairs.guidance_input:
        return torch.full((batch,), pairs.guidance, dtype=torch.float64)
    low, high = pairs.guidance_range
    return low * (high / low) ** uniform(batch, generator)
