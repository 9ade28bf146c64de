"""What an encoder is: pictures or words => a row of tokens. Protocols only; no network, no file, no weights.

Encoders own the tensor transform their pictures need; decoding at the wanted rate and size is media's work.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor

from soundvcm.records import FrameSpec


@runtime_checkable
class VideoEncoder(Protocol):
    """Pictures => tokens.

    Attributes:
        name: identifies encoder and weights, for feature stores and reports.
        dim: width of a token.
        frame_spec: the rate and size at which pictures must be decoded.

    An encoder that gives one token for several pictures also says `pictures_per_token`; without it, one each.
    """

    name: str
    dim: int
    frame_spec: FrameSpec

    def encode(self, frames: Tensor) -> Tensor:
        """Frames uint8 [f, h, w, 3] => tokens float32 [tokens, dim]; the same frames give the same tokens."""
        ...


@runtime_checkable
class TextEncoder(Protocol):
    """Texts => tokens.

    Attributes:
        name: identifies encoder and weights.
        dim: width of a token.
        tokens: tokens a text becomes (l); longer texts are cut.
    """

    name: str
    dim: int
    tokens: int

    def encode(self, texts: list[str]) -> Tensor:
        """Texts => float32 [b, l, dim]; a blank text is "no text" (case 26), see each encoder."""
        ...

    def warnings(self, text: str) -> list[str]:
        """What the user should know about how this text was read, in plain sentences; often nothing."""
        ...
