"""A local function over a long axis in pieces, with the same result and bounded memory.

Each piece is computed with as much of its neighbours as the function reaches, and that margin is cut off
again. Knows no codec.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def in_chunks(function: Callable[[Tensor], Tensor], x: Tensor, chunk: int, reach: int, factor: int) -> Tensor:
    """The same as `function(x)` for a function that looks at most `reach` positions to either side.

    Args:
        function: [b, c, n] => [..., n * factor].
        x: [b, c, n].
        chunk: positions computed at a time; an x no longer than that plus its margins goes in one piece.
        reach: positions on either side that an output depends on.
        factor: outputs for each position.
    """
    length = x.shape[-1]
    if length <= chunk + 2 * reach:
        return function(x)
    pieces = []
    for start in range(0, length, chunk):
        end = min(length, start + chunk)
        first = max(0, start - reach)
        piece = function(x[..., first : min(length, end + reach)])
        pieces.append(piece[..., (start - first) * factor : (end - first) * factor])
    return torch.cat(pieces, dim=-1)
