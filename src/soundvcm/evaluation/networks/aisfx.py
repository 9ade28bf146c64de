"""aiSFX: wave at 44.1 kHz => 512 numbers each 1.2 s, through its authors' own package, if that is installed.

Ma and Lerch 2022 (https://github.com/alisonbma/aisfx, CC-BY-4.0), model X-Sequential-CE. The package carries
its weights, but pins libraries of 2022 and computes spectrograms with Essentia (AGPL): it is no extra of
ours; installed without its pins it works. Never run here to published numbers. Knows waves.
"""

from __future__ import annotations

import importlib
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import soundfile
import torch
from torch import Tensor

from soundvcm import weights
from soundvcm.evaluation.networks.filters import mono_wave

SAMPLE_RATE = 44_100
LEAST_SAMPLES = 102 * 1024  # a block of 100 frames and one more
PACKAGES = ("aisfx", "essentia")
INSTALL = "pip install --no-deps aisfx && pip install essentia"


def checkpoint() -> Path:
    """The weights inside the package."""
    return Path(importlib.import_module("aisfx.inference").get_path_modelWeights())


@lru_cache(maxsize=1)
def _model() -> tuple[Any, Any]:
    """(the package's inference module, its network), read once per process."""
    inference = importlib.import_module("aisfx.inference")
    with torch.serialization.safe_globals(weights.numbers()):  # class counts beside the weights
        values, classes = inference.load_weights("cpu")
    return inference, inference.load_bestModel(values, classes, "cpu")


def listen(wave: Tensor) -> Tensor:
    """Embeddings [k, 512] of a mono wave [s] at 44.1 kHz, windows of 2.3 s, one each 1.2 s.

    Raises:
        InputError: unless the wave is finite, one-dimensional and at least 2.37 s long.
    """
    signal = mono_wave(wave, LEAST_SAMPLES, SAMPLE_RATE, "aiSFX")
    inference, network = _model()
    spectra = inference.spectrogram_selector("essentia")
    with tempfile.TemporaryDirectory() as folder:  # its front end takes files only
        path = Path(folder) / "sound.wav"
        soundfile.write(path, signal.numpy(), SAMPLE_RATE, subtype="FLOAT")
        found = spectra(
            str(path),
            sr=inference.SAMPLE_RATE,
            block_size=inference.SPEC_BLOCK_LENGTH,
            hop_size=inference.SPEC_HOP_LENGTH,
            f_min=inference.F_MIN,
            f_max=inference.F_MAX,
            n_mels=inference.MEL_BINS,
        )
    scaled = inference.spectrogram_normalize(found, "original")
    rows: Tensor = inference.model_get_embedding(scaled, 0.5, True, network, "cpu")
    return rows.float()
