"""EfficientNet-Lite0: pictures [b, 3, 224, 224] in -1..1 => logits of the 1000 ImageNet labels.

Tan and Le 2019 (arXiv 1905.11946) in TensorFlow's "lite" form: ReLU6, no squeeze-and-excitation; batch norms
are folded into the convolutions when the weights are built. Knows no file, no label and no space of words.

TensorFlow pads a convolution of stride 2 by one more at the end than at the beginning, which costs a padded
copy of its input here. Turned by half a circle, picture and kernels, it is one more at the beginning, and
that is what a convolution padded evenly computes: the last row of its padding is never reached. So everything
inside is turned, and no input is copied.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch.nn.functional as F
from torch import Tensor, nn

SIDE = 224
LABELS = 1000
STEM, HEAD = 32, 1280
# (blocks, expansion, channels, stride of the first, kernel)
STAGES = (
    (1, 1, 16, 1, 3), (2, 6, 24, 2, 3), (2, 6, 40, 2, 5), (3, 6, 80, 2, 3),
    (3, 6, 112, 1, 5), (4, 6, 192, 2, 5), (1, 6, 320, 1, 3),
)  # fmt: skip


class EfficientNetLite0(nn.Module):
    """The network; 4.65 M parameters, about 0.4 G multiply-adds a picture."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = _Conv(3, STEM, 3, 2)
        self.blocks = nn.ModuleList(_blocks())
        self.head = _Conv(320, HEAD, 1)
        self.labels = nn.Linear(HEAD, LABELS)

    def forward(self, pictures: Tensor) -> Tensor:
        """[b, 3, 224, 224] in -1..1 => logits [b, 1000]."""
        x = self.stem(pictures.flip(2, 3))
        for block in self.blocks:
            x = block(x)
        logits: Tensor = self.labels(self.head(x).mean((2, 3)))
        return logits


def turned(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights with every kernel turned by half a circle: from TensorFlow's to this network's, or back."""
    return {name: value.flip(2, 3) if value.ndim == 4 else value for name, value in state.items()}


class _Conv(nn.Module):
    """Convolution with bias, padded as TensorFlow pads, then ReLU6 unless `linear`."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1, linear: bool = False
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups)
        self.linear = linear

    def forward(self, x: Tensor) -> Tensor:
        """[b, inputs, h, w], even h and w where the stride is 2 => [b, outputs, h / stride, w / stride]."""
        x = self.conv(x)
        return x if self.linear else F.relu6(x, inplace=not x.requires_grad)


class Block(nn.Module):
    """Inverted residual: widen, filter each channel, narrow; added to its input where the shape allows."""

    def __init__(self, inputs: int, outputs: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        wide = inputs * expansion
        self.expand = _Conv(inputs, wide, 1) if expansion > 1 else None
        self.filter = _Conv(wide, wide, kernel, stride, groups=wide)
        self.project = _Conv(wide, outputs, 1, linear=True)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """[b, inputs, h, w] => [b, outputs, h / stride, w / stride]."""
        wide = x if self.expand is None else self.expand(x)
        y: Tensor = self.project(self.filter(wide))
        return x + y if self.residual else y


def _blocks() -> Iterator[Block]:
    inputs = STEM
    for count, expansion, outputs, stride, kernel in STAGES:
        for number in range(count):
            yield Block(inputs, outputs, expansion, kernel, stride if number == 0 else 1)
            inputs = outputs
