"""Stores and weights that a disk, a cable or another program damaged: read, or refused in one line."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from soundvcm import weights
from soundvcm.data.shards import Clip, StoreWriter
from soundvcm.data.store import FeatureStore
from soundvcm.errors import SoundVCMError
from soundvcm.media import read_reference, save_sound
from soundvcm.media.read.tags import read_tags

ODD = [
    b"\xff",
    b"\0",
    b'"',
    b"null",
    b"[",
    b"{}",
    b"-1",
    b"1e999",
    b"9" * 20,
    b"\xed\xa0\x80",
    b"[" * 3000,
    b"1/0",
]
TIMES = 150


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    made = StoreWriter(
        folder,
        fingerprint={"codec": "vae16k@1", "semantic": "clip@1", "sync": "synch@1", "text": "clip-text@1"},
        rates={"latents": Fraction(125, 4), "sync": Fraction(25)},
    )
    clips = []
    for k in range(3):
        draw = torch.Generator().manual_seed(k)
        tensors = {"mean": (10, 2), "std": (10, 2), "semantic": (2, 5), "sync": (8, 3)}
        values = {name: torch.rand(shape, generator=draw) for name, shape in tensors.items()}
        clips.append(Clip(f"c{k}", "train", Fraction(32, 25), ("rain", f"number {k}"), **values))
    made.write(0, clips)
    made.finish(lambda texts: torch.stack([torch.full((3, 4), float(len(text))) for text in texts]))
    return folder


def damaged(data: bytes, generator: np.random.Generator) -> bytes:
    """One to three places changed, left out or added, or the end cut off."""
    found = bytearray(data)
    for _ in range(int(generator.integers(1, 4))):
        at = int(generator.integers(0, len(found) + 1)) if generator.random() < 0.7 else 0
        match int(generator.integers(0, 4)):
            case 0:
                found[at:at] = ODD[int(generator.integers(0, len(ODD)))]
            case 1:
                del found[at : at + int(generator.integers(1, 20))]
            case 2:
                found[at : at + 1] = generator.integers(0, 256, 1, dtype=np.uint8).tobytes()
            case 3:
                del found[int(generator.integers(0, len(found) + 1)) :]
    return bytes(found)


def tried(path: Path, read: Callable[[], object], seed: int) -> int:
    """How many of the damaged versions were refused; every other error ends the test."""
    whole, generator, refused = path.read_bytes(), np.random.default_rng(seed), 0
    for _ in range(TIMES):
        path.unlink()  # memory may still be mapped to the version before
        path.write_bytes(damaged(whole, generator))
        try:
            read()
        except SoundVCMError as error:
            refused += 1
            assert "\n" not in str(error)
    return refused


def everything(folder: Path) -> None:
    found = FeatureStore(folder)
    for k, item in enumerate(found.items):
        for stream in item.lengths:
            found.read(k, stream)
        for number in item.captions:
            found.text(number)
    assert found.empty_text is None or found.empty_text.ndim == 2


@pytest.mark.parametrize(
    "name", ["store.json", "shards/00000.json", "shards/00000.safetensors", "text.safetensors"]
)
def test_damaged_stores(tmp_path: Path, store: Path, name: str) -> None:
    shutil.copytree(store, tmp_path / "store")
    everything(tmp_path / "store")
    assert tried(tmp_path / "store" / name, lambda: everything(tmp_path / "store"), len(name)) > 20


@pytest.mark.parametrize("suffix", [".safetensors", ".pt", ".old.pt"])
def test_damaged_weights(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"net{suffix}"
    tensors = {"a.weight": torch.arange(12.0).reshape(3, 4), "b": torch.ones(2, dtype=torch.int64)}
    if suffix == ".safetensors":
        save_file(tensors, path, metadata={"licence": "MIT"})
    else:
        torch.save(tensors, path, _use_new_zipfile_serialization=suffix == ".pt")

    def read() -> None:
        weights.header(path)
        weights.read(path)

    read()
    assert tried(path, read, 7) > 20


def test_damaged_sounds_with_tags_and_timecode(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    save_sound(path, np.zeros(400, np.float32), 16_000, tags={"seed": 1, "software": "soundvcm"})

    def read() -> None:
        read_tags(path)
        read_reference(path)

    read()
    assert tried(path, read, 9) > 20
