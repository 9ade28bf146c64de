"""DeSync: how many seconds sound and picture are apart, guessed by Synchformer (24-01-04T16-39-21).

Front ends and windows as av-benchmark has them: tokens of segments of 0.64 s every 0.32 s, the first and the
last 14 of them (4.8 s), a guess in 21 classes for each. The public weights were never run here to published
numbers. Knows one weights file, waves and videos.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from soundvcm import media, weights
from soundvcm.encoders import Synchformer, SynchformerEncoder, load_synchformer
from soundvcm.errors import InputError
from soundvcm.evaluation.networks.filters import mono_wave, torchaudio_triangles

SAMPLE_RATE = 16_000
SEGMENT, STEP = 10_240, 5_120
FFT, WINDOW, HOP = 1024, 400, 160
BANDS, FRAMES = 128, 66
FLOOR, MEAN, STD = 1e-6, -4.2677393, 4.5689974
SEGMENTS = 14
VISUAL_TOKENS = 8
WEIGHTS = "synchformer"


def spectra(wave: Tensor) -> Tensor:
    """Log-mel segments [k, 128, 66] of a mono wave [s] at 16 kHz, k = (s - 10240) // 5120 + 1.

    Raises:
        InputError: unless the wave is finite, one-dimensional and at least 0.64 s long.
    """
    segments = mono_wave(wave, SEGMENT, SAMPLE_RATE, "Synchformer").unfold(0, SEGMENT, STEP)
    spectrum = torch.stft(
        segments, FFT, HOP, WINDOW, torch.hann_window(WINDOW), center=True, return_complex=True
    )
    mel = torchaudio_triangles(BANDS, FFT, SAMPLE_RATE).float() @ spectrum.abs() ** 2
    # Filled after the logarithm and before the standardisation, as the network was trained.
    logs = F.pad((mel + FLOOR).log(), (0, FRAMES - mel.shape[-1]))
    return (logs - MEAN) / (2 * STD)


@lru_cache(maxsize=1)
def network() -> Synchformer:
    """The whole public network, read once per process.

    Raises:
        WeightsError: if the file is missing (what to fetch is said) or of another network.
    """
    return load_synchformer(weights.load(WEIGHTS)[0], WEIGHTS)


@torch.inference_mode()
def listen(wave: Tensor) -> Tensor:
    """Audio tokens [k, 6, 768] of a mono wave [s] at 16 kHz."""
    found: Tensor = network().afeat_extractor(spectra(wave)[:, None])
    return found


def watch(video: Path, seconds: float) -> Tensor:
    """Picture tokens [k, 8, 768] of the first seconds of a video, k as in `spectra`.

    Raises:
        MediaError: if the file cannot be read or holds no pictures.
    """
    encoder = SynchformerEncoder(network().vfeat_extractor)
    frames = media.read_frames(video, {"sync": encoder.frame_spec}, seconds=seconds, beyond="shorten")
    tokens = encoder.encode(frames.frames["sync"])
    return tokens.reshape(-1, VISUAL_TOKENS, tokens.shape[1])


@torch.inference_mode()
def offsets(visual: Tensor, audio: Tensor) -> tuple[Tensor, Tensor]:
    """Logits [21] of the offset in the first and in the last 14 segments of tokens [k, 8, d] and [k, 6, d].

    Raises:
        InputError: with fewer than 14 segments of either.
    """
    count = min(len(visual), len(audio))
    if count < SEGMENTS:
        raise InputError(
            f"DeSync needs {SEGMENTS} segments (4.8 s) of video and sound, not {count}: give longer clips,"
            " or pictures on the true side"
        )
    # Both cover the same seconds: the last 14 are counted from the end of the shorter one.
    parts = [(visual[a : a + SEGMENTS], audio[a : a + SEGMENTS]) for a in (0, count - SEGMENTS)]
    pictures, sounds = (torch.stack(side) for side in zip(*parts, strict=True))
    first, last = network().offset_logits(pictures, sounds)
    return first, last
