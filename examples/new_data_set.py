"""A new data set: a catalog file, no code of the package. Four tones with captions become training batches.

    python examples/new_data_set.py --folder my_set

The same from a terminal: soundvcm extract --catalog my_set/catalog.jsonl --output my_set/store
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from soundvcm.data import (
    Batch,
    Extraction,
    FeatureStore,
    Mixture,
    MixtureConfig,
    Parts,
    finish,
    read_catalog,
    write_shards,
)
from soundvcm.encoders import ImageEncoder, MotionEncoder, TextEmbedder
from soundvcm.media import save_sound
from soundvcm.systems import saved_codec, timeline_of

NOTES = {"low": 110, "middle": 440, "high": 1760, "quiet": 0}


def write_set(folder: Path) -> Path:
    """Sounds of 1 s and one JSON object a line: id, file, seconds, captions, split. "quiet" is silent."""
    time, lines = np.arange(16_000) / 16_000, []
    folder.mkdir(parents=True, exist_ok=True)
    for name, hertz in NOTES.items():
        save_sound(folder / f"{name}.wav", 0.3 * np.sin(2 * np.pi * hertz * time), 16_000)
        captions = [f"a {name} tone", f"one note, {name}"]
        lines.append(
            {"id": name, "file": f"{name}.wav", "seconds": 1, "captions": captions, "split": "train"}
        )
    table = folder / "catalog.jsonl"
    table.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    return table


def embedded_parts() -> Parts:
    """The codec and encoders of `tiny`; any others that keep the protocols do as well."""
    lines = replace(timeline_of("tiny"), segment_frames=1, segment_hop=1, segment_tokens=1)
    return Parts(saved_codec("tiny_codec"), ImageEncoder(), MotionEncoder(), TextEmbedder(), "tiny", lines)


def main(arguments: list[str] | None = None) -> Batch:
    """Catalog => store => the first batch of a training run."""
    parser = argparse.ArgumentParser(description="A new data set.")
    parser.add_argument("--folder", type=Path, default=Path("my_set"))
    given = parser.parse_args(arguments)
    catalog, store = read_catalog(write_set(given.folder)), given.folder / "store"
    print(catalog.report())
    plan, parts = Extraction(catalog.rows), embedded_parts()
    plan.save(store)
    write_shards(store, plan, parts)
    finish(store, plan, parts)
    opened = FeatureStore(store)
    print(f"{len(opened)} clips; left out: {opened.rejected}")
    widths = {"semantic": parts.semantic.dim, "sync": parts.sync.dim}
    batch = Mixture([opened], MixtureConfig(), rows=6, seed=0, widths=widths).batch(0)
    print(f"first batch: {batch.ids}, latents {list(batch.data.shape)}")
    return batch


if __name__ == "__main__":
    main()
