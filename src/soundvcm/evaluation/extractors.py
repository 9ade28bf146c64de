"""Extractors by name: wave at its own rate => named features.

`yamnet` is bundled, `onsets` and `motion` need no network; the others need their public weights, which
`soundvcm weights fetch` brings. Networks are read when first asked for. Knows waves and how to watch a file;
no scores.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from soundvcm.errors import MissingExtraError, OptionError, WeightsError
from soundvcm.evaluation import preparing
from soundvcm.evaluation.metrics import motion
from soundvcm.evaluation.networks import (
    aisfx,
    clap,
    desync,
    filters,
    imagebind,
    panns,
    passt,
    vggish,
    yamnet,
)
from soundvcm.evaluation.placing import CPU, Batched, placed
from soundvcm.reference import onsets
from soundvcm.weights import asset_path, digest, locate

Extract = Callable[[Tensor], dict[str, Tensor]]
Watch = Callable[[Path, float], dict[str, Tensor]]


@dataclass(frozen=True)
class Extractor:
    """A network (or none) that turns sound into features.

    Attributes:
        name: in the registry.
        rate: of the waves it takes.
        about: one line for reports.
        identity: changes with weights or code, so that stored features of another one are never used.
        build: (device, the CPU if left out): reads what is needed and returns the function wave [samples] =>
            features, which may have a method `many` for several waves.
        weights: names of the weights files that must be here; none if all is bundled.
        watch: further features of the file itself, within so many seconds; None if the sound is enough.
        beside: what else decides the features of a file, such as its caption; None if nothing does.
        packages: that must be installed.
        install: the extra of ours that brings them, or the command.
    """

    name: str
    rate: int
    about: str
    identity: Callable[[], str]
    build: Callable[..., Extract]
    weights: tuple[str, ...] = ()
    watch: Watch | None = None
    beside: Callable[[Path], str] | None = None
    packages: tuple[str, ...] = ()
    install: str = ""


def _yamnet(device: torch.device = CPU) -> Extract:
    network = yamnet.bundled_yamnet()
    placed(network.network, device)

    def extract(wave: Tensor) -> dict[str, Tensor]:
        """`rows` [windows, 1024], one each 0.48 s; means over windows: `labels`, `logits` [521]."""
        scores, rows = network.listen(wave)
        return {"rows": rows, "labels": scores.mean(0), "logits": F.linear(rows, *network.head).mean(0)}

    return extract


def _onsets(device: torch.device = CPU) -> Extract:
    def extract(wave: Tensor) -> dict[str, Tensor]:
        """`onsets` [k] in s; `energy` [g], loudness 25 times a second."""
        samples = wave.double().numpy()
        times = onsets.detect_onsets(samples, onset_rate)
        return {
            "onsets": torch.from_numpy(times),
            "energy": torch.from_numpy(onsets.energy(samples, onset_rate)),
        }

    onset_rate = 16_000
    return extract


def _loudness(device: torch.device = CPU) -> Extract:
    def extract(wave: Tensor) -> dict[str, Tensor]:
        """`energy` [g], loudness 25 times a second."""
        curve = onsets.energy(wave.double().numpy(), 16_000, motion.MOVEMENT_RATE)
        return {"energy": torch.from_numpy(curve)}

    return extract


def _movement(path: Path, seconds: float) -> dict[str, Tensor]:
    """`movement` [g] of a video, 25 times a second; empty for a sound file."""
    found = motion.movement(path, seconds) if motion.has_pictures(path) else np.zeros(0)
    return {"movement": torch.from_numpy(found)}


def _vggish(device: torch.device = CPU) -> Extract:
    """`rows` [windows, 128], one each 0.96 s."""
    network = placed(vggish.load_vggish(), device)
    return Batched(vggish.patches, network, lambda rows: {"rows": rows})


def _panns(device: torch.device = CPU) -> Extract:
    """`rows` [2048] and `logits` [527] of the whole sound."""
    network = placed(panns.load_cnn14(), device)
    return Batched(lambda wave: panns.frames(wave)[None], network, _whole)


def _passt(device: torch.device = CPU) -> Extract:
    """`rows` [768] and `logits` [527] of the sound, filled with silence to 10 s."""
    network = placed(passt.load_passt(), device)
    return Batched(lambda wave: passt.frames(passt.filled(wave))[None], network, _whole)


def _whole(rows: Tensor, logits: Tensor) -> dict[str, Tensor]:
    return {"rows": rows[0], "logits": logits[0]}


def _synchformer(device: torch.device = CPU) -> Extract:
    network = desync.network()
    for part in (network.afeat_extractor, network.vfeat_extractor, network.vproj, network.aproj):
        placed(part, device)
    placed(network.transformer, device)

    def extract(wave: Tensor) -> dict[str, Tensor]:
        """`audio` [k, 6, 768], a row each 0.32 s."""
        return {"audio": desync.listen(wave)}

    return extract


def _watched(path: Path, seconds: float) -> dict[str, Tensor]:
    """`visual` [k, 8, 768] of a video; empty for a sound file."""
    return {"visual": desync.watch(path, seconds) if motion.has_pictures(path) else torch.zeros(0, 8, 1)}


def _aisfx(device: torch.device = CPU) -> Extract:
    return lambda wave: {"rows": aisfx.listen(wave)}  # [windows, 512], one each 1.2 s


def _imagebind(device: torch.device = CPU) -> Extract:
    """`sound` [1024], mean of three parts of 2 s."""
    placed(imagebind.tower("vision"), device)
    network = placed(imagebind.tower("audio"), device)
    return Batched(imagebind.spectra, network, lambda parts: {"sound": parts.mean(0)})


def _seen(path: Path, seconds: float) -> dict[str, Tensor]:
    """`sight` [1024] of a video; empty for a sound file."""
    return {"sight": imagebind.watch(path, seconds) if motion.has_pictures(path) else torch.zeros(0)}


def _fetched(
    name: str,
    module: ModuleType,
    about: str,
    build: Callable[..., Extract],
    watch: Watch | None = None,
    files: tuple[str, ...] = (),
    **more: Any,
) -> Extractor:
    """An extractor whose weights are not bundled; reports say that it was not run to published numbers."""
    files = files or (module.WEIGHTS,)

    def identity() -> str:
        digests = "-".join(digest(locate(file))[:16] for file in files)
        return f"{name}-{digests}-{_code(module, filters, preparing)}"

    rate: int = module.SAMPLE_RATE
    return Extractor(name, rate, f"{about}; {UNPROVEN}", identity, build, files, watch, **more)


def _captioned(name: str, file: str, about: str) -> Extractor:
    """A CLAP: needs transformers, its own weights and the tokenizer; the caption lies beside the file."""

    def extract(wave: Tensor) -> dict[str, Tensor]:
        """`sound` [512]."""
        return {"sound": clap.listen(wave, file)}

    def watch(path: Path, seconds: float) -> dict[str, Tensor]:
        """`words` [512]; empty if there is no caption."""
        return {"words": clap.watch(path, file)}

    def build(device: torch.device = CPU) -> Extract:
        clap.network(file).to(device)
        return extract

    more = {"beside": clap.caption, "packages": ("transformers", "tokenizers"), "install": "clap"}
    return _fetched(name, clap, about, build, watch, (file, clap.WORDS), **more)


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
            lambda: f"yamnet2-{digest(asset_path('yamnet.safetensors'))[:16]}-{_code(yamnet, preparing)}",
            _yamnet,
        ),
        Extractor(
            "onsets",
            16_000,
            "onsets within 50 ms and loudness curves at 25 Hz (no network)",
            lambda: f"onsets-{_code(onsets, preparing)}",
            _onsets,
        ),
        Extractor(
            "motion",
            16_000,
            "loudness against the change of 64 x 64 grey pictures, both at 25 Hz (no network)",
            lambda: f"motion-{_code(motion, onsets, preparing)}",
            _loudness,
            watch=_movement,
        ),
        Extractor(
            "aisfx",
            aisfx.SAMPLE_RATE,
            f"aiSFX by its own package (44.1 kHz, windows of 2.3 s, 512); {UNPROVEN}",
            lambda: f"aisfx-{digest(aisfx.checkpoint())[:16]}-{_code(aisfx, filters, preparing)}",
            _aisfx,
            packages=aisfx.PACKAGES,
            install=aisfx.INSTALL,
        ),
        _fetched("vggish", vggish, "VGGish (16 kHz, windows of 0.96 s, 128)", _vggish),
        _fetched("panns", panns, "PANNs Cnn14 (16 kHz, 2048, 527 classes)", _panns),
        _fetched("passt", passt, "PaSST (32 kHz, filled to 10 s, 768, 527 classes)", _passt),
        _fetched(
            "synchformer",
            desync,
            "Synchformer 24-01-04T16-39-21 (sound 16 kHz, pictures 25 Hz)",
            _synchformer,
            _watched,
        ),
        _fetched(
            "imagebind",
            imagebind,
            "ImageBind huge (3 parts of 2 s at 16 kHz, pictures at 0.5 Hz, 3 crops, 1024)",
            _imagebind,
            _seen,
        ),
        _captioned("clap", clap.WEIGHTS, "LAION CLAP, HTS-AT base (48 kHz, filled to 10 s, 512; captions)"),
        _captioned(
            "clap630k",
            clap.SMALL_WEIGHTS,
            "LAION CLAP, 630k-audioset (48 kHz, filled to 10 s, 512; captions)",
        ),
    )
}


def require(name: str, wanted_by: str) -> Extractor:
    """The extractor of that name; its weights are here, but not read yet.

    Args:
        name: in the registry.
        wanted_by: the score that asks, for the message.

    Raises:
        OptionError: if it is unknown.
        MissingExtraError: if a package that it needs is not installed.
        WeightsError: if its weights are not here (the message says how to get them).
    """
    if name in EXTRACTORS:
        found = EXTRACTORS[name]
        for package in found.packages:
            if importlib.util.find_spec(package) is None:
                if " " in found.install:
                    raise OptionError(f"{wanted_by}: {package} is not installed; run: {found.install}")
                raise MissingExtraError(f"{wanted_by}: {package}", found.install)
        try:
            for file in found.weights:
                locate(file)
        except WeightsError as error:
            raise WeightsError(f"{wanted_by}: {error}") from None
        return found
    raise OptionError(f"no extractor {name!r}: there are {', '.join(EXTRACTORS)}")
