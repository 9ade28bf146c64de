"""How near a small vocoder comes to real sounds through the paper's mel spectra, and what it costs.

    PYTHONPATH=. python benchmarks/vocoders.py [--mode 16k] [--weights FILE] [--clips 100] [--json]

Sounds of the bank's validation split => mel => wave, by the small vocoder and, as a floor, by the same
Griffin-Lim from the mel alone (an untrained vocoder). Scores: cosine of YAMNet's embeddings with those of the
original, and the mean difference of log spectra in dB over three windows. BigVGAN with its public weights is
compared where they are here (soundvcm weights).
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from soundvcm.codec.mel import log_mel
from soundvcm.codec.paper import PAPER_CODECS, saved_vocoder
from soundvcm.codec.small_vocoder import SmallVocoder, SmallVocoderConfig
from soundvcm.codec.spectra import frames_of
from soundvcm.codec.vocoder import Vocoder
from soundvcm.errors import WeightsError
from soundvcm.evaluation import bundled_yamnet
from soundvcm.media import resample
from soundvcm.weights import load
from tiny.sounds.bank import BANK, load_bank

SECONDS = 2
WINDOWS = (512, 1024, 2048)
QUIET = 1e-3


def sounds(bank: Path, rate: int, count: int) -> list[Tensor]:
    """Whole hops of validation clips, kinds in turn, [1, SECONDS * rate] each."""
    found, split = [], load_bank(bank, rate)
    for number in range(count):
        kinds = sorted(split.kinds)
        clips = split.clips(kinds[number % len(kinds)], "valid")
        if clips:
            wave = torch.from_numpy(np.array(clips[number // len(kinds) % len(clips)].wave[: SECONDS * rate]))
            whole = torch.zeros(1, SECONDS * rate // 512 * 512)
            whole[0, : min(len(wave), whole.shape[1])] = wave[: whole.shape[1]]
            found.append(whole)
    return found


def spectral_distance(one: Tensor, other: Tensor) -> float:
    """Mean absolute difference of log spectra in dB, over three windows, where either has sound."""
    parts = []
    for size in WINDOWS:
        window = torch.hann_window(size)
        a, b = (frames_of(x, size, size // 4, window).abs() / size for x in (one, other))
        heard = torch.maximum(a, b) > QUIET / 10
        decibels = 20 * (torch.log10(a + QUIET / 10) - torch.log10(b + QUIET / 10)).abs()
        parts.append(float(decibels[heard].mean()) if heard.any() else 0.0)
    return float(np.mean(parts))


def scores(vocoder: Callable[[Tensor], Tensor], waves: list[Tensor], mode: str) -> dict[str, float]:
    """Means over all sounds: cosine, dB, core seconds for 8 s of sound."""
    listener, mel = bundled_yamnet(), PAPER_CODECS[mode].mel
    cosines, distances, spent = [], [], 0.0
    for wave in waves:
        spectrum = log_mel(wave, mel)
        began = time.process_time()
        made = vocoder(spectrum)
        spent += time.process_time() - began
        heard = [
            listener.embeddings(torch.from_numpy(resample(x.numpy(), mel.sample_rate, 16_000)[0])).mean(0)
            for x in (wave, made)
        ]
        cosines.append(float(torch.cosine_similarity(*heard, dim=0)))
        distances.append(spectral_distance(made, wave))
    seconds = sum(wave.shape[1] for wave in waves) / mel.sample_rate
    return {"cosine": float(np.mean(cosines)), "dB": float(np.mean(distances)), "core s": 8 * spent / seconds}


@torch.inference_mode()
def measure(mode: str, bank: Path, weights: Path | None, count: int) -> dict[str, dict[str, float]]:
    """Scores of each vocoder that is here."""
    parts = PAPER_CODECS[mode]
    ways: dict[str, Callable[[Tensor], Tensor]] = {
        "Griffin-Lim": SmallVocoder(SmallVocoderConfig(mel=parts.mel)).eval(),
        "small": saved_vocoder(weights or f"small_vocoder_{mode}"),
    }
    try:
        tensors, _ = load(parts.vocoder_file)
        large = Vocoder(parts.vocoder)
        large.load(tensors, parts.vocoder_file)
        ways["BigVGAN"] = large.eval()
    except WeightsError:
        pass
    waves = sounds(bank, parts.mel.sample_rate, count)
    return {name: scores(way, waves, mode) for name, way in ways.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--mode", choices=sorted(PAPER_CODECS), default="16k")
    parser.add_argument("--bank", type=Path, default=BANK)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--clips", type=int, default=100)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = measure(given.mode, given.bank, given.weights, given.clips)
    if given.json:
        print(json.dumps(found))
        return
    for name, row in found.items():
        print(f"{name:12s} " + "  ".join(f"{key} {value:.3f}" for key, value in row.items()))


if __name__ == "__main__":
    main()
