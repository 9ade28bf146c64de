"""The values that travel between stages: conditions, posterior moments; and how shapes are checked.

Roles, not vendors (semantic, sync, text); presence is a flag, never a magic zero. Knows torch tensors and
nothing of the stages that make or use these records.

Axes of the project: b batch, n latents, c latent channels, f semantic frames, g sync frames, l text tokens,
p/q/r widths of the three conditions, d hidden, h heads, s samples, m mel bins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from soundvcm.errors import InputError, ShapeError
from soundvcm.timeline import FrameSpec as FrameSpec


class _Shaped(Protocol):
    """Anything with a shape: a torch tensor or a numpy array."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the axes."""
        ...


def check_shape(name: str, value: _Shaped, axes: str, **sizes: int) -> dict[str, int]:
    """Match `value.shape` against axis names such as "b n c"; a number in `axes` must be met exactly.

    Args:
        name: what the tensor is called, for the message.
        value: tensor or array.
        axes: blank-separated axis names or numbers.
        sizes: sizes already known for some of the names.

    Returns:
        The size of every named axis, the given ones included.

    Raises:
        ShapeError: if the number of axes or a known size differs.
    """
    wanted = axes.split()
    shape = tuple(int(size) for size in value.shape)
    found = dict(sizes)
    fits = len(shape) == len(wanted)
    if fits:
        for axis, size in zip(wanted, shape, strict=True):
            expected = int(axis) if axis.isdigit() else found.setdefault(axis, size)
            fits = fits and expected == size
    if not fits:
        known = ", ".join(f"{axis}={sizes[axis]}" for axis in wanted if axis in sizes)
        raise ShapeError(f"{name} has shape {shape}, expected [{axes}]" + (f" with {known}" if known else ""))
    return found


@dataclass(frozen=True)
class Moments:
    """Posterior of a codec, per latent.

    Attributes:
        mean: [b, n, c].
        std: [b, n, c], not negative.
    """

    mean: Tensor
    std: Tensor

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """A fresh draw mean + std * eps, eps ~ N(0, I), [b, n, c]; the generator lives on the CPU."""
        eps = torch.randn(self.mean.shape, generator=generator, dtype=self.mean.dtype)
        return self.mean + self.std * eps.to(self.mean.device)


@dataclass(frozen=True)
class Conditions:
    """What a batch of clips is conditioned on. Rows whose flag is False hold arbitrary finite numbers there.

    Attributes:
        semantic: [b, f, p] picture features.
        sync: [b, g, q] motion features.
        text: [b, l, r] token features.
        has_semantic: [b] bool.
        has_sync: [b] bool; False with has_semantic True is a still picture.
        has_text: [b] bool.
    """

    semantic: Tensor
    sync: Tensor
    text: Tensor
    has_semantic: Tensor
    has_sync: Tensor
    has_text: Tensor

    def __post_init__(self) -> None:
        sizes = check_shape("semantic", self.semantic, "b f p")
        batch = sizes["b"]
        check_shape("sync", self.sync, "b g q", b=batch)
        check_shape("text", self.text, "b l r", b=batch)
        for name in ("has_semantic", "has_sync", "has_text"):
            flag: Tensor = getattr(self, name)
            check_shape(name, flag, "b", b=batch)
            if flag.dtype != torch.bool:
                raise InputError(f"{name} is a bool tensor, not {flag.dtype}")

    @classmethod
    def of(
        cls,
        *,
        semantic: Tensor,
        sync: Tensor,
        text: Tensor,
        has_video: Tensor | None = None,
        has_text: Tensor | None = None,
    ) -> Conditions:
        """Conditions of clips whose semantic and sync streams are present together (the usual case)."""
        yes = torch.ones(semantic.shape[0], dtype=torch.bool, device=semantic.device)
        video = yes if has_video is None else has_video
        return cls(semantic, sync, text, video, video.clone(), yes.clone() if has_text is None else has_text)

    @property
    def batch(self) -> int:
        """Number of rows."""
        return int(self.semantic.shape[0])

    @property
    def has_video(self) -> Tensor:
        """[b] bool: any picture stream is present."""
        return self.has_semantic | self.has_sync

    @property
    def is_empty(self) -> Tensor:
        """[b] bool: nothing is present at all."""
        return ~(self.has_semantic | self.has_sync | self.has_text)

    def without(
        self,
        *,
        video: Tensor | bool = False,
        semantic: Tensor | bool = False,
        sync: Tensor | bool = False,
        text: Tensor | bool = False,
    ) -> Conditions:
        """A copy in which the marked rows (True: all) lack the named part; only flags change."""

        def mask(value: Tensor | bool) -> Tensor:
            if isinstance(value, Tensor):
                return value.to(self.has_text.device, torch.bool)
            return torch.full_like(self.has_text, value)

        return replace(
            self,
            has_semantic=self.has_semantic & ~mask(video) & ~mask(semantic),
            has_sync=self.has_sync & ~mask(video) & ~mask(sync),
            has_text=self.has_text & ~mask(text),
        )

    def empty(self) -> Conditions:
        """The same batch with nothing present: the unconditional one."""
        return self.without(video=True, text=True)

    def rows(self, index: Tensor | slice) -> Conditions:
        """The selected rows, in the order of the index (bool mask, long indices or a slice)."""
        return Conditions(*(getattr(self, name)[index] for name in self.__dataclass_fields__))

    def to(self, device: torch.device | str, dtype: torch.dtype | None = None) -> Conditions:
        """Moved to a device; features (not flags) take `dtype` where given."""

        def move(value: Tensor) -> Tensor:
            return value.to(device) if value.dtype == torch.bool or dtype is None else value.to(device, dtype)

        return Conditions(*(move(getattr(self, name)) for name in self.__dataclass_fields__))

    @staticmethod
    def cat(parts: Sequence[Conditions]) -> Conditions:
        """Rows of several batches of equal lengths, one after the other."""
        if not parts:
            raise InputError("nothing to concatenate: give at least one batch of conditions")
        names = Conditions.__dataclass_fields__
        return Conditions(*(torch.cat([getattr(part, name) for part in parts]) for name in names))
