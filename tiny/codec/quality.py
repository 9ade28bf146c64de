"""How good the embedded codec is, on sounds it never saw: kinds that its copies keep, cosines, levels, cost.

    python -m tiny.codec.quality [--codec FILE] [--split test] [--per-kind 4] [--json FILE]

Clips of the bank's held-out split, placed plainly in 3 s, and their copies: by `copy` (real sounds) and by
`decode` (as for made latents), beside Griffin-Lim from mel bands. Judged by YAMNet at 16 kHz.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from soundvcm import runtime
from soundvcm.codec import NeuralCodec
from soundvcm.codec.spectra import find_phases, frames_of, mel_triangles
from soundvcm.evaluation.networks import bundled_yamnet
from soundvcm.media.audio.wave import resample
from soundvcm.systems.loading import saved_codec
from tiny.scoring.scores import KindClassifier, yamnet_features
from tiny.sounds.bank import BANK, Bank, Clip, load_bank, vary

JUDGE_RATE = 16_000
SECONDS = 3.0
GAP_SECONDS = 0.75
BANDS = (48, 80, 128)


@dataclass(frozen=True)
class Item:
    """A sound of one kind: wave [samples] at the codec's rate."""

    kind: str
    wave: Tensor


def items(bank: Bank, split: str, per_kind: int, seed: int = 0) -> list[Item]:
    """`per_kind` sounds of each kind: the split's clips, then variations of them; hits come every 0.75 s."""
    rng = np.random.default_rng((seed, 5))
    found = []
    for kind in sorted(bank.kinds):
        clips = bank.clips(kind, split)
        for number in range(per_kind):
            clip = clips[number % len(clips)]
            wave = clip.wave
            if number >= len(clips):
                lasting = clip.mode == "ambience"
                wave = vary(wave, rng, lasting=lasting, semitones=2.0, sample_rate=bank.sample_rate)
            found.append(Item(kind, placed(wave, clip, bank.sample_rate)))
    return found


def placed(wave: np.ndarray, clip: Clip, rate: int) -> Tensor:
    """[3 s] of a clip: a lasting one from its start, a hit again and again."""
    out = torch.zeros(round(SECONDS * rate))
    sound = torch.from_numpy(wave.copy())
    at = 0 if clip.mode == "ambience" else rate // 10
    while at < len(out):
        part = sound[: len(out) - at]
        out[at : at + len(part)] += part
        at += max(len(sound), round(GAP_SECONDS * rate)) if clip.mode == "event" else len(out)
    return out


def heard(wave: Tensor, rate: int) -> Tensor:
    """[samples] at the judge's rate."""
    return torch.from_numpy(resample(wave[None].numpy(), rate, JUDGE_RATE)[0])


def plain_means(waves: list[Tensor]) -> Tensor:
    """[k, 1024] YAMNet embeddings averaged over all patches, the silent ones too."""
    classifier = bundled_yamnet()
    return torch.stack([classifier.embeddings(wave).mean(dim=0) for wave in waves])


def griffin_lim(wave: Tensor, mels: int, sample_rate: int = JUDGE_RATE, iterations: int = 32) -> Tensor:
    """The usual way back from a mel spectrum: non-negative bins by multiplicative updates, then phases.

    Windows of 64 ms every 16 ms: [b, s] => [b, s].
    """
    fft, hop = round(0.064 * sample_rate), round(0.016 * sample_rate)
    filters = mel_triangles(mels, fft // 2 + 1, sample_rate)
    whole = F.pad(wave, (0, -wave.shape[1] % hop))
    mel = filters @ frames_of(whole, fft, hop, torch.hann_window(fft)).abs()
    bins = (torch.linalg.pinv(filters) @ mel).clamp_min(1e-6)
    for _ in range(30):
        bins = bins * ((filters.T @ mel) / (filters.T @ (filters @ bins) + 1e-9))
    return find_phases(bins, fft, hop, iterations)[:, : wave.shape[1]]


def decibels(wave: Tensor) -> float:
    """Level (RMS) in dB of full scale."""
    return 10 * float(torch.log10(wave.square().mean() + 1e-10))


class Judge:
    """What YAMNet says of copies of some sounds."""

    def __init__(self, sounds: list[Item], rate: int, classifier: KindClassifier) -> None:
        self.sounds, self.rate, self.classifier = sounds, rate, classifier
        self.truth = [heard(item.wave, rate) for item in sounds]
        self.features, self.plain = yamnet_features(self.truth), plain_means(self.truth)

    def scores(self, copies: list[Tensor]) -> dict[str, float]:
        """Means: kind right at first and among three, both cosines, level (dB) and its mean absolute miss."""
        waves = [heard(copy, self.rate) for copy in copies]
        seen = yamnet_features(waves)
        named = self.classifier.names(seen.whole, 3)
        kinds = [item.kind for item in self.sounds]
        level = [decibels(a) - decibels(b.wave) for a, b in zip(copies, self.sounds, strict=True)]
        return {
            "kind": float(np.mean([row[0] == kind for row, kind in zip(named, kinds, strict=True)])),
            "kind_top3": float(np.mean([kind in row for row, kind in zip(named, kinds, strict=True)])),
            "weighted": float(F.cosine_similarity(self.features.whole, seen.whole).mean()),
            "plain": float(F.cosine_similarity(self.plain, plain_means(waves)).mean()),
            "level_db": float(np.mean(level)),
            "level_miss_db": float(np.mean(np.abs(level))),
            "high_db": self.high(copies),
        }

    def high(self, copies: list[Tensor]) -> float:
        """Mean difference of levels above 8 kHz (dB), where the sound has over -60 dB there; 0 at 16 kHz."""
        found = []
        for copy, item in zip(copies, self.sounds, strict=True):
            levels = []
            for wave in (copy, item.wave):
                power = torch.fft.rfft(wave).abs().square()
                above = torch.fft.rfftfreq(len(wave), 1 / self.rate) > JUDGE_RATE / 2
                levels.append(10 * float(torch.log10(2 * power[above].sum() / len(wave) ** 2 + 1e-10)))
            if levels[1] > -60:
                found.append(levels[0] - levels[1])
        return float(np.mean(found)) if found else 0.0

    def by_kind(self, copies: list[Tensor]) -> dict[str, dict[str, float]]:
        """Weighted cosine and level difference (dB) of each kind."""
        seen = yamnet_features([heard(copy, self.rate) for copy in copies]).whole
        cosine = F.cosine_similarity(self.features.whole, seen)
        rows: dict[str, list[tuple[float, float]]] = defaultdict(list)
        for item, copy, value in zip(self.sounds, copies, cosine, strict=True):
            rows[item.kind].append((float(value), decibels(copy) - decibels(item.wave)))
        return {
            kind: dict(zip(("weighted", "level_db"), np.mean(own, axis=0).tolist(), strict=True))
            for kind, own in rows.items()
        }


@torch.inference_mode()
def copies(sounds: list[Item], way: Callable[[Tensor], Tensor]) -> tuple[list[Tensor], float]:
    """Copies of equal length, and CPU seconds for a second of sound."""
    began = time.process_time()
    made = [way(item.wave[None])[0, : len(item.wave)] for item in sounds]
    return made, (time.process_time() - began) / (SECONDS * len(sounds))


@torch.inference_mode()
def decoding_cost(codec: NeuralCodec, seconds: float = 8.0, rounds: int = 3) -> float:
    """CPU seconds to decode a second of sound, one thread; the best of some rounds of 8 s."""
    latents = torch.randn(1, round(seconds * float(codec.latent_rate)), codec.dim)
    best = float("inf")
    with runtime.threads(1):
        for _ in range(rounds + 1):
            began = time.process_time()
            codec.decode(latents)
            best = min(best, time.process_time() - began)
    return best / seconds


def measure(
    codec: NeuralCodec, bank_folder: Path, split: str, per_kind: int, bands: tuple[int, ...] = BANDS
) -> dict[str, object]:
    """The whole report."""
    rate = codec.sample_rate
    judge = Judge(
        items(load_bank(bank_folder, rate), split, per_kind), rate, KindClassifier(load_bank(bank_folder))
    )
    own, _ = copies(judge.sounds, codec.copy)
    ways: dict[str, Callable[[Tensor], Tensor]] = {
        "codec, as for made latents": lambda wave: codec.decode(codec.encode(wave).mean)
    }
    for mels in bands:
        ways[f"Griffin-Lim, {mels} bands"] = partial(griffin_lim, mels=mels, sample_rate=rate)
    table = {
        "the sounds themselves": judge.scores([item.wave for item in judge.sounds]),
        "codec, copies": judge.scores(own),
    }
    for name, way in ways.items():
        table[name] = judge.scores(copies(judge.sounds, way)[0])
    return {
        "split": split,
        "sounds": len(judge.sounds),
        "sample_rate": rate,
        "table": table,
        "by_kind": judge.by_kind(own),
        "decode_cpu_s_per_s": decoding_cost(codec),
        "machine": runtime.describe_machine(),
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--codec", default="tiny_codec", help="file, or the shipped one")
    parser.add_argument("--split", default="test", choices=("valid", "test"))
    parser.add_argument("--per-kind", type=int, default=4)
    parser.add_argument("--bands", type=int, nargs="*", default=list(BANDS), help="of Griffin-Lim")
    parser.add_argument("--bank", type=Path, default=BANK)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    codec = saved_codec(options.codec)
    assert isinstance(codec, NeuralCodec)
    report = measure(codec, options.bank, options.split, options.per_kind, tuple(options.bands))
    if options.json:
        options.json.write_text(json.dumps(report, indent=1))
    table, by_kind = report["table"], report["by_kind"]
    assert isinstance(table, dict) and isinstance(by_kind, dict)
    print(f"{report['sounds']} sounds of the {report['split']} split at {report['sample_rate']} Hz")
    names = ("kind", "kind_top3", "weighted", "plain", "level_db", "level_miss_db", "high_db")
    print(f"{'':<28}" + "".join(f"{name:>14}" for name in names))
    for label, row in table.items():
        print(f"{label:<28}" + "".join(f"{row[name]:>14.3f}" for name in names))
    worst = sorted(by_kind, key=lambda kind: by_kind[kind]["weighted"])[:8]
    print("worst: " + ", ".join(f"{kind} {by_kind[kind]['weighted']:.2f}" for kind in worst))
    far = sorted(by_kind, key=lambda kind: -abs(by_kind[kind]["level_db"]))[:8]
    print("levels: " + ", ".join(f"{kind} {by_kind[kind]['level_db']:+.1f} dB" for kind in far))
    print(f"decoding: {report['decode_cpu_s_per_s']:.3f} CPU s for a second of sound; {report['machine']}")


if __name__ == "__main__":
    main()
