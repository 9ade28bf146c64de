"""Named axes: check that a tensor has the shape its docstring promises, in one readable line.

Axes of the project: b batch, n latents, c latent channels, f semantic frames, g sync frames, l text tokens,
p/q/r widths of the three conditions, d hidden, h heads, s samples, m mel bins.
Knows tensors only by their `.shape`.
"""

from __future__ import annotations

from typing import Protocol

from soundvcm.errors import ShapeError


class Shaped(Protocol):
    """Anything with a shape: a torch tensor or a numpy array."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the axes."""
        ...


def check_shape(name: str, value: Shaped, axes: str, **sizes: int) -> dict[str, int]:
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
