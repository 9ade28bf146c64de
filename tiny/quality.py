"""How good the embedded model is: moments, kinds and manner of its sounds on drawn scenes; the codec alone.

    python -m tiny.quality [--scenes 200] [--offset 0] [--told text label] [--json FILE]

Test scenes use sounds, seeds and backgrounds that training never saw. Ceiling: the scenes' own sound, also
through the codec. Floor: made sounds paired with other scenes. Settings are chosen on other scenes than those
that are reported (--offset 10000), or the report would carry the choice.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch
from torch import Tensor

from soundvcm import runtime, sampler
from soundvcm.codec import NeuralCodec, latent_hop
from soundvcm.codec.spectra import find_phases, frames_of, mel_triangles
from soundvcm.evaluation.networks import bundled_yamnet
from soundvcm.generate.pipeline import Pipeline
from soundvcm.records import Conditions
from soundvcm.systems.loading import load
from tiny.scoring.features import Told, scene_features
from tiny.scoring.scores import TEST_SEEDS, KindClassifier, scene_scores, scene_set, yamnet_features
from tiny.sounds.bank import BANK, Bank, load_bank

BATCH = 10
TOLD: tuple[Told, ...] = ("text", "label", "drawing", "motion", "all")


@torch.inference_mode()
def make(pipeline: Pipeline, conditions: Conditions, samples: int, steps: int) -> tuple[Tensor, float]:
    """Waves [k, samples] for all scenes and milliseconds a clip of network and codec, in batches."""
    count = -(-samples // latent_hop(pipeline.codec))
    waves = []
    began = time.perf_counter()
    for first in range(0, conditions.batch, BATCH):
        rows = conditions.rows(slice(first, first + BATCH))
        noise = runtime.seeded_noise(
            [1000 + first + k for k in range(rows.batch)], (count, pipeline.codec.dim)
        )
        noise = noise * pipeline.sampling.temperature
        field = pipeline.network.given(rows, count)
        latents = sampler.sample_mean(field, noise, sampler.uniform_times(steps))
        waves.append(pipeline.codec.decode(pipeline.network.unstandardise(latents))[:, :samples])
    milliseconds = 1000 * (time.perf_counter() - began) / conditions.batch
    return torch.cat(waves), milliseconds


@torch.inference_mode()
def codec_scores(pipeline: Pipeline, bank: Bank) -> dict[str, float]:
    """Mean YAMNet cosine between test sounds and their copies: the codec, and Griffin-Lim from mel bands.

    With half as many bands as a latent has numbers both hold as many (48); 80 and 128 bands hold more.
    Patches weighted by their energy (as in `yamnet_features`), and the plain mean over patches.
    """
    codec = pipeline.codec
    assert isinstance(codec, NeuralCodec)
    truths: list[Tensor] = []
    bands = (codec.dim // 2, 80, 128)
    names = ("codec", "codec as for made latents", *(f"griffin_lim_{mels}" for mels in bands))
    copies: dict[str, list[Tensor]] = {name: [] for name in names}
    for kind in sorted(bank.kinds):
        for clip in bank.clips(kind, "test")[:2]:
            wave = torch.zeros(1, 32_768)
            sound = torch.from_numpy(clip.wave.copy())[: 32_768 - 1600]
            wave[0, 1600 : 1600 + len(sound)] = sound
            truths.append(wave[0])
            copies["codec"].append(codec.copy(wave)[0])
            copies["codec as for made latents"].append(codec.decode(codec.encode(wave).mean)[0])
            for mels in bands:
                copies[f"griffin_lim_{mels}"].append(griffin_lim(wave, mels)[0])
    truth, plain = yamnet_features(truths).whole, plain_means(truths)
    scores = {}
    for name, waves in copies.items():
        scores[name] = float(torch.cosine_similarity(truth, yamnet_features(waves).whole).mean())
        scores[f"{name}, plain"] = float(torch.cosine_similarity(plain, plain_means(waves)).mean())
    return scores


def plain_means(waves: list[Tensor]) -> Tensor:
    """[k, 1024] YAMNet embeddings averaged over all patches, the silent ones too."""
    classifier = bundled_yamnet()
    return torch.stack([classifier.embeddings(wave).mean(dim=0) for wave in waves])


def griffin_lim(wave: Tensor, mels: int, iterations: int = 32) -> Tensor:
    """The usual way back from a mel spectrum: non-negative bins by multiplicative updates, then phases."""
    fft, hop = 1024, 256
    filters = mel_triangles(mels, fft // 2 + 1, 16_000)
    mel = filters @ frames_of(wave, fft, hop, torch.hann_window(fft)).abs()
    bins = (torch.linalg.pinv(filters) @ mel).clamp_min(1e-6)
    for _ in range(30):
        bins = bins * ((filters.T @ mel) / (filters.T @ (filters @ bins) + 1e-9))
    return find_phases(bins, fft, hop, iterations)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=200)
    parser.add_argument("--offset", type=int, default=0, help="number of the first scene")
    parser.add_argument("--told", nargs="+", default=TOLD, choices=TOLD, help="what the network is told")
    parser.add_argument("--bank", type=Path, default=BANK)
    parser.add_argument("--model", default="tiny", help="name, or file of a trained network")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    bank = load_bank(options.bank)
    pipeline = load(options.model, device="cpu")
    scenes = scene_set(bank, options.scenes, first=TEST_SEEDS + options.offset)
    classifier = KindClassifier(bank)
    real = yamnet_features(scenes.waves)
    with torch.inference_mode():
        copies = torch.cat(
            [pipeline.codec.decode(pipeline.codec.encode(wave[None]).mean) for wave in scenes.waves]
        )
    table = {
        "real test sounds": scene_scores(scenes, scenes.waves, classifier, real),
        "through the codec": scene_scores(scenes, copies[:, : scenes.waves.shape[1]], classifier, real),
    }
    features = scene_features(pipeline, scenes, drawings="drawing" in options.told)
    for told in options.told:
        for steps in (1, 4) if told == "text" else (1,):
            waves, cost = make(pipeline, features.conditions(told), scenes.waves.shape[1], steps)
            table[f"{told}, {steps} step"] = {**scene_scores(scenes, waves, classifier, real), "ms": cost}
    codec = codec_scores(pipeline, bank)
    report = {
        "scenes": options.scenes,
        "offset": options.offset,
        "events": len(scenes.with_events),
        "kinds": len(scenes.of_one_kind),
    }
    report |= {"table": table, "codec_cosine": codec, "machine": runtime.describe_machine()}
    if options.json:
        options.json.write_text(json.dumps(report, indent=1))
    print(
        f"{options.scenes} test scenes, {report['events']} of events, {report['kinds']} of one kind of sound"
    )
    names = "f1 precision recall offset_ms f1_shuffled kind kind_top3 fd js is ms".split()
    print(f"{'':<20}" + "".join(f"{name:>12}" for name in names))
    for label, row in table.items():
        print(f"{label:<20}" + "".join(f"{row.get(name, float('nan')):>12.3f}" for name in names))
    print(
        "YAMNet cosine to the original: " + ", ".join(f"{name} {value:.3f}" for name, value in codec.items())
    )


if __name__ == "__main__":
    main()
