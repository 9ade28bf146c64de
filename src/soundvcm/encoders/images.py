"""Pictures => the words space: EfficientNet-Lite0 names what it sees, the names' words are averaged.

semantic = sum over the ten likeliest ImageNet labels of p_i * words("a photo of a LABEL"): as long as it is
sure (version 3), or normalised (version 2, in which an unsure picture speaks as loudly as a sure one).
One picture in eight is looked at (about one a second at 8/s). Knows one weights file and no pipeline.

The network: Tan and Le 2019 (arXiv 1905.11946) in TensorFlow's "lite" form, ReLU6, no squeeze-and-excitation;
batch norms are folded into the convolutions when the weights are built. TensorFlow pads a convolution of
stride 2 by one more at the end than at the beginning, which costs a padded copy of its input here. Turned by
half a circle, picture and kernels, it is one more at the beginning, and that is what a convolution padded
evenly computes: the last row of its padding is never reached. So everything inside is turned, and no input is
copied.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from soundvcm.encoders.base import channels_first, check_frames, distinct
from soundvcm.errors import WeightsError
from soundvcm.records import FrameSpec
from soundvcm.weights import load

SIDE = 224
LABELS = 1000
STEM, HEAD = 32, 1280
# (blocks, expansion, channels, stride of the first, kernel)
STAGES = (
    (1, 1, 16, 1, 3), (2, 6, 24, 2, 3), (2, 6, 40, 2, 5), (3, 6, 80, 2, 3),
    (3, 6, 112, 1, 5), (4, 6, 192, 2, 5), (1, 6, 320, 1, 3),
)  # fmt: skip
EVERY = 8
TOP = 10
BATCH = 4  # whose layers stay in a processor's cache; 8 take a fifth longer
PREFIX = "network."
SCALE = ".scale"


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


def _whole(value: Tensor, scale: Tensor | None) -> Tensor:
    """Weights as float32; int8 ones have a scale [rows]."""
    return value.float() if scale is None else value * scale.view(-1, *[1] * (value.dim() - 1))


class ImageEncoder:
    """The semantic encoder of `tiny`: frames uint8 [f, 224, 224, 3] at 8/s => float32 [ceil(f / 8), dim]."""

    pictures_per_token = EVERY
    frame_spec = FrameSpec(rate=Fraction(8), height=SIDE, width=SIDE, fit="stretch", exact=False, every=EVERY)

    def __init__(self, weights: str | Path = "pictures", *, version: int = 2) -> None:
        """Read the weights: network under "network.", `meanings`, and the label names as UTF-8 lines.

        Numbers are float16, or int8 with a "NAME.scale" for each row.

        Args:
            weights: name in the table of weights, or the path of a file of the same kind.
            version: 2 gives tokens of length 1, 3 tokens as long as their labels are likely.

        Raises:
            WeightsError: if the file is missing, damaged or of another kind.
        """
        self.version, self.name = version, f"pictures-{version}"
        tensors, _ = load(weights)
        state = {
            name[len(PREFIX) :]: _whole(value, tensors.get(name + SCALE))
            for name, value in tensors.items()
            if name.startswith(PREFIX) and not name.endswith(SCALE)
        }
        with torch.device("meta"):
            network = EfficientNetLite0()
        try:
            network.load_state_dict(turned(state), assign=True)
            self.meanings = tensors["meanings"].float()
            self.labels = bytes(tensors["labels"].numpy()).decode("utf-8").split("\n")
        except (KeyError, RuntimeError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise WeightsError(f"{weights} is not a picture encoder ({reason}): reinstall soundvcm") from None
        if len(self.meanings) != LABELS or len(self.labels) != LABELS:
            raise WeightsError(
                f"{weights}: {len(self.labels)} names and {len(self.meanings)} meanings for {LABELS} labels"
            )
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.network = network.eval().requires_grad_(False)
        self.dim = int(self.meanings.shape[1])

    @classmethod
    def that_made(cls, told: str) -> ImageEncoder:
        """The encoder that a text names, such as what weights say of their data; version 2 if none."""
        return cls(version=3 if "pictures-3" in told else 2)

    def to(self, device: torch.device | str) -> ImageEncoder:
        """Move the network to a device; tokens come back on the CPU."""
        self.network = self.network.to(device)
        return self

    def encode(self, frames: Tensor) -> Tensor:
        """Frames uint8 [f, 224, 224, 3] => float32 [ceil(f / 8), dim], of length 1 (version 2) or at most 1.

        Pictures 0, 8, 16, ... are looked at; exact repeats only once.

        Raises:
            InputError: if the frames are not uint8; ShapeError for another size.
        """
        check_frames(frames, SIDE, SIDE)
        chance, label = self._chances(frames).topk(TOP, dim=1)
        meaning = (chance[..., None] * self.meanings[label]).sum(1)
        return F.normalize(meaning, dim=1) if self.version < 3 else meaning

    def top_labels(self, frames: Tensor, count: int = 5) -> list[tuple[str, float]]:
        """The likeliest labels over all pictures that `encode` looks at, with their mean probability."""
        check_frames(frames, SIDE, SIDE)
        chance, label = self._chances(frames).mean(0).topk(count)
        return [(self.labels[int(k)], float(p)) for k, p in zip(label, chance, strict=True)]

    @torch.inference_mode()
    def _chances(self, frames: Tensor) -> Tensor:
        """[ceil(f / 8), 1000] probabilities on the CPU."""
        seen = frames[::EVERY]
        first, where = distinct(seen)
        device = next(self.network.parameters()).device
        parts = []
        for start in range(0, len(first), BATCH):
            pictures = channels_first(seen[first[start : start + BATCH]].to(device))
            parts.append(self.network(pictures).softmax(1).cpu())
        return torch.cat(parts)[where]
