"""The reference sounds that ship with `tiny`: some of the bank's training clips, and courses of motion.

    python -m tiny.reference src/soundvcm/assets/reference_bank.safetensors

Clips that YAMNet knows are taken, recordings before renders before synthesis: a kind scored by YAMNet is
thereby scored by who chose its clips (docs/tiny.md). No clip of the test split is taken, so that scores on
test scenes stay honest otherwise. Courses are the motion features of drawn scenes that hold one kind only.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
from pathlib import Path

import numpy as np
import soundfile
import torch
from safetensors.torch import save_file

from soundvcm.encoders import MotionEncoder
from soundvcm.evaluation.networks import bundled_yamnet
from soundvcm.reference.bank import COURSE_SCALE
from tiny.scenes import make_scene
from tiny.sounds.bank import BANK_RATE, Bank, Clip, Kind, load_bank

EVENTS, LASTING = (4, 16), (2, 5)  # least and most clips of a kind
KNOWN = 3  # YAMNet's best so many
PER_SOURCE = 3
LEAD = BANK_RATE // 10
COURSES = 2
FIRST_SCENE = 1
GAP = BANK_RATE // 10
LEVEL = 1 - (40_000 - 6_000) / 250_000  # libsndfile maps 0 .. 1 to 256 .. 6 kbit/s
COLUMNS = ("id", "kind", "source", "origin", "licence", "author", "link", "offset", "samples")
ORIGINS = ("recording", "soundfont", "synthesis")


def chosen(bank: Bank, kind: Kind) -> list[Clip]:
    """Clips of the training split that YAMNet knows, recordings before renders before synthesis.

    Known: one of the kind's `heard` classes is among the best three. Others only fill up to the least number.
    """
    lasting = is_lasting(kind)
    clips = bank.clips(kind.name, "train", "ambience" if lasting else "event")
    ranks = {clip.id: rank_of(clip, kind) for clip in clips}
    by_source: dict[str, int] = {}
    ordered = []
    for clip in sorted(clips, key=lambda clip: (ORIGINS.index(clip.origin), ranks[clip.id])):
        turn = by_source[clip.source] = by_source.get(clip.source, 0) + 1
        ordered.append((ranks[clip.id] >= KNOWN, turn > PER_SOURCE, clip))
    ordered.sort(key=lambda row: row[:2])
    known = sum(not unknown for unknown, _, _ in ordered)
    least, most = LASTING if lasting else EVENTS
    return [clip for _, _, clip in ordered[: max(least, min(most, known))]]


def rank_of(clip: Clip, kind: Kind) -> int:
    """Place of the best of the kind's `heard` classes among YAMNet's, patches weighted by their energy."""
    network = bundled_yamnet()
    wave = torch.zeros(max(len(clip.wave) + LEAD + LEAD, 0 if clip.mode == "ambience" else 2 * BANK_RATE))
    wave[LEAD : LEAD + len(clip.wave)] = torch.from_numpy(clip.wave.copy())
    energy = network.patches(wave).exp().mean(dim=(1, 2))
    scores = (network.scores(wave) * (energy / energy.sum())[:, None]).sum(dim=0)
    scores[network.classes.index("Silence")] = 0.0
    order = [network.classes[int(k)] for k in scores.argsort(descending=True)]
    return min((order.index(name) for name in kind.heard if name in order), default=len(order))


def is_lasting(kind: Kind) -> bool:
    """Kinds that are both are taken as lasting, except birds, whose calls are what one hears."""
    return kind.mode != "event" and kind.name != "bird_song"


def packed(clips: list[Clip]) -> tuple[bytes, list[dict[str, object]]]:
    """Ogg Opus of all clips, and their rows."""
    pieces, rows, at = [np.zeros(GAP, np.float32)], [], GAP
    for clip in clips:
        wave = np.clip(clip.wave, -0.98, 0.98)
        pieces += [wave, np.zeros(GAP, np.float32)]
        facts = {name: getattr(clip, name) for name in COLUMNS[:-2]}
        rows.append({**facts, "offset": at, "samples": len(wave)})
        at += len(wave) + GAP
    stream = io.BytesIO()
    sound = np.concatenate(pieces)
    soundfile.write(stream, sound, BANK_RATE, format="OGG", subtype="OPUS", compression_level=LEVEL)
    return stream.getvalue(), rows


def courses(bank: Bank) -> dict[str, torch.Tensor]:
    """[k, 200, 48] int8 for each kind: drawn scenes of 8 s with this kind alone."""
    encoder = MotionEncoder()
    found: dict[str, list[torch.Tensor]] = {name: [] for name in bank.kinds}
    seed = FIRST_SCENE
    while min(map(len, found.values())) < COURSES and seed < FIRST_SCENE + 4000:
        scene = make_scene(seed, bank, "train")
        seed += 1
        if len(scene.kinds) != 1 or len(found[scene.kinds[0]]) >= COURSES:
            continue
        motion = encoder.encode(torch.from_numpy(scene.sampled(25, 64)))
        found[scene.kinds[0]].append((motion * COURSE_SCALE).round().clamp(-127, 127).to(torch.int8))
    return {name: torch.stack(rows) for name, rows in found.items() if rows}


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path)
    options = parser.parse_args()
    bank = load_bank()
    tensors, rows, kinds = {}, [], {}
    for name, kind in bank.kinds.items():
        sound, own = packed(chosen(bank, kind))
        tensors[f"sound.{name}"] = torch.frombuffer(bytearray(sound), dtype=torch.uint8)
        rows += own
        kinds[name] = {"lasting": is_lasting(kind), "phrases": kind.phrases, "labels": kind.labels}
    tensors |= {f"courses.{name}": value for name, value in courses(bank).items()}
    table = io.StringIO()
    writer = csv.DictWriter(table, COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    for name, text in (("clips", table.getvalue()), ("kinds", json.dumps(kinds))):
        tensors[name] = torch.frombuffer(bytearray(text.encode()), dtype=torch.uint8)
    save_file(tensors, options.output, {"format": "reference bank 1", "licence": "CC-BY-3.0"})
    print(f"{options.output}: {len(rows)} clips, {options.output.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
