"""Extractors by name: wave at its own rate => named features, and what is missing for those not built in.

Built in: `yamnet` (bundled network) and `onsets` (no network). The others of the field are known by name and
refused in one line. Networks are read when first asked for. Knows waves, not files or scores.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType

import torch
import torch.nn.functional as F
from torch import Tensor

from soundvcm.errors import OptionError
from soundvcm.evaluation import onsets, preparing, yamnet
from soundvcm.weights import asset_path, digest

Extract = Callable[[Tensor], dict[str, Tensor]]


@dataclass(frozen=True)
class Extractor:
    """A network (or none) that turns sound into features.

    Attributes:
        name: in the registry.
        rate: of the waves it hears.
        about: one line for reports.
        identity: changes with weights or code, so that stored features of another one are never used.
        build: reads what is needed and returns the function wave [samples] => features.
    """

    name: str
    rate: int
    about: str
    identity: Callable[[], str]
    build: Callable[[], Extract]


def _yamnet() -> Extract:
    network = yamnet.bundled_yamnet()

    def extract(wave: Tensor) -> dict[str, Tensor]:
        """`rows` [windows, 1024], one each 0.48 s; `logits` [521] before the sigmoid, mean over windows."""
        rows = network.embeddings(wave)
        return {"rows": rows, "logits": F.linear(rows, *network.head).mean(0)}

    return extract


def _onsets() -> Extract:
    def extract(wave: Tensor) -> dict[str, Tensor]:
        """`onsets` [k] in s; `energy` [g], loudness 25 times a second."""
        heard = wave.double().numpy()
        times = onsets.onsets(heard, onset_rate)
        return {
            "onsets": torch.from_numpy(times),
            "energy": torch.from_numpy(onsets.energy(heard, onset_rate)),
        }

    onset_rate = 16_000
    return extract


def _code(*modules: ModuleType) -> str:
    """Hash of the source of what decides the numbers."""
    text = "".join(inspect.getsource(module) for module in modules)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


EXTRACTORS: dict[str, Extractor] = {
    one.name: one
    for one in (
        Extractor(
            "yamnet",
            yamnet.SAMPLE_RATE,
            "YAMNet, bundled (16 kHz, windows of 0.96 s every 0.48 s, embeddings 1024, 521 classes)",
            lambda: f"yamnet-{digest(asset_path('yamnet.safetensors'))[:16]}-{_code(yamnet, preparing)}",
            _yamnet,
        ),
        Extractor(
            "onsets",
            16_000,
            "onsets within 50 ms and loudness curves at 25 Hz (no network)",
            lambda: f"onsets-{_code(onsets, preparing)}",
            _onsets,
        ),
    )
}

# What the published scores need and this package does not hold: rate, network, weights.
NOT_BUILT_IN: Mapping[str, str] = {
    "panns": "PANNs Cnn14 for 16 kHz and its weights Cnn14_16k_mAP=0.438.pth",
    "passt": "PaSST (32 kHz, 8 s filled with 2 s of zeros) and its AudioSet weights",
    "vggish": "VGGish (16 kHz, before its post-processing) and its weights",
    "imagebind": "ImageBind huge (video and sound) and its weights, and the true videos",
    "clap": "CLAP and its weights, and the captions",
    "synchformer": "Synchformer with its sound half (24-01-04T16-39-21), and the true videos",
}


def require(name: str, wanted_by: str) -> Extractor:
    """The extractor of that name; reads no weights yet.

    Args:
        name: in the registry.
        wanted_by: the score that asks, for the message.

    Raises:
        OptionError: if it is known but not built in (the message says what is missing), or unknown.
    """
    if name in EXTRACTORS:
        return EXTRACTORS[name]
    if name in NOT_BUILT_IN:
        raise OptionError(
            f"{wanted_by} needs {NOT_BUILT_IN[name]}, which soundvcm does not hold: ask for scores of"
            f" {' or '.join(EXTRACTORS)}, or give features made elsewhere to soundvcm.evaluation.compute"
        )
    raise OptionError(f"no extractor {name!r}: there are {', '.join([*EXTRACTORS, *NOT_BUILT_IN])}")
