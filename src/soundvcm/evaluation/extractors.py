"""Extractors by name: wave at its own rate => named features, and what is missing for those not built in.

`yamnet` is bundled, `onsets` needs no network; `vggish`, `panns` and `passt` need their public weights, which
`soundvcm weights fetch` brings. The others of the field are known by name and refused in one line. Networks
are read when first asked for. Knows waves, not files or scores.
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

from soundvcm.errors import OptionError, WeightsError
from soundvcm.evaluation import filters, onsets, panns, passt, preparing, vggish, yamnet
from soundvcm.weights import asset_path, digest, locate

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
        weights: name of the weights file that must be here; None if all is bundled.
    """

    name: str
    rate: int
    about: str
    identity: Callable[[], str]
    build: Callable[[], Extract]
    weights: str | None = None


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


def _vggish() -> Extract:
    network = vggish.load_vggish()

    def extract(wave: Tensor) -> dict[str, Tensor]:
        """`rows` [windows, 128], one each 0.96 s."""
        return {"rows": vggish.embeddings(network, wave)}

    return extract


def _panns() -> Extract:
    network = panns.load_cnn14()

    def extract(wave: Tensor) -> dict[str, Tensor]:
        """`rows` [2048] and `logits` [527] of the whole sound."""
        embedding, logits = panns.listen(network, wave)
        return {"rows": embedding, "logits": logits}

    return extract


def _passt() -> Extract:
    network = passt.load_passt()

    def extract(wave: Tensor) -> dict[str, Tensor]:
        """`rows` [768] and `logits` [527] of the sound, filled with silence to 10 s."""
        embedding, logits = passt.listen(network, wave)
        return {"rows": embedding, "logits": logits}

    return extract


def _fetched(name: str, module: ModuleType, rate: int, about: str, build: Callable[[], Extract]) -> Extractor:
    """An extractor whose weights are not bundled; reports say that it was not run to published numbers."""
    file: str = module.WEIGHTS

    def identity() -> str:
        return f"{name}-{digest(locate(file))[:16]}-{_code(module, filters, preparing)}"

    return Extractor(name, rate, f"{about}; {UNPROVEN}", identity, build, file)


def _code(*modules: ModuleType) -> str:
    """Hash of the source of what decides the numbers."""
    text = "".join(inspect.getsource(module) for module in modules)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


UNPROVEN = "this code was never run to published numbers: check it on yours first"

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
        _fetched("vggish", vggish, 16_000, "VGGish (16 kHz, windows of 0.96 s, 128)", _vggish),
        _fetched("panns", panns, 16_000, "PANNs Cnn14 (16 kHz, 2048, 527 classes)", _panns),
        _fetched("passt", passt, 32_000, "PaSST (32 kHz, filled to 10 s, 768, 527 classes)", _passt),
    )
}

# What the published scores need and this package does not hold: rate, network, weights.
NOT_BUILT_IN: Mapping[str, str] = {
    "imagebind": "ImageBind huge (video and sound) and its weights, and the true videos",
    "clap": "CLAP and its weights, and the captions",
    "synchformer": "Synchformer with its sound half (24-01-04T16-39-21), and the true videos",
}


def require(name: str, wanted_by: str) -> Extractor:
    """The extractor of that name; its weights are here, but not read yet.

    Args:
        name: in the registry.
        wanted_by: the score that asks, for the message.

    Raises:
        OptionError: if it is known but not built in (the message says what is missing), or unknown.
        WeightsError: if its weights are not here (the message says how to get them).
    """
    if name in EXTRACTORS:
        found = EXTRACTORS[name]
        if found.weights is not None:
            try:
                locate(found.weights)
            except WeightsError as error:
                raise WeightsError(f"{wanted_by}: {error}") from None
        return found
    if name in NOT_BUILT_IN:
        raise OptionError(
            f"{wanted_by} needs {NOT_BUILT_IN[name]}, which soundvcm does not hold: ask for scores of"
            f" {' or '.join(EXTRACTORS)}, or give features made elsewhere to soundvcm.evaluation.compute"
        )
    raise OptionError(f"no extractor {name!r}: there are {', '.join([*EXTRACTORS, *NOT_BUILT_IN])}")
