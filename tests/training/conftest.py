"""A small feature store and a small run, for the tests of this folder."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
import torch

from soundvcm.data.shards import Clip, StoreWriter
from soundvcm.data.store import FeatureStore
from soundvcm.training import TrainingConfig

WIDTHS = {"latent": 6, "semantic": 5, "sync": 4, "text": 5}
CAPTIONS = ("rain", "a dog barks", "hammer on wood", "glass breaks")


def encode_words(texts: list[str]) -> torch.Tensor:
    """One token a text, from its letters: distinct texts get distinct features."""
    rows = [torch.tensor([hash_of(text, k) for k in range(WIDTHS["text"])]) for text in texts]
    return torch.stack(rows)[:, None]


def hash_of(text: str, k: int) -> float:
    return (sum((i + 1 + k) * ord(letter) for i, letter in enumerate(text)) % 97) / 48 - 1


def make_clip(k: int, *, n: int = 12, split: str = "train", video: bool = True) -> Clip:
    generator = torch.Generator().manual_seed(k)
    pattern = torch.sin(torch.arange(n)[:, None] / (2 + k % 4) + torch.arange(WIDTHS["latent"]))
    return Clip(
        id=f"clip{k:03d}",
        split=split,
        seconds=Fraction(n * 4, 125),
        captions=(CAPTIONS[k % 4],),
        mean=2 * pattern + 0.3 * torch.randn(n, WIDTHS["latent"], generator=generator) + 1,
        std=torch.full((n, WIDTHS["latent"]), 0.05),
        semantic=torch.randn(2, WIDTHS["semantic"], generator=generator) if video else None,
        sync=torch.randn(9, WIDTHS["sync"], generator=generator) if video else None,
    )


def make_store(folder: Path, clips: list[Clip], **fingerprint: str) -> FeatureStore:
    names = {"codec": "c1", "semantic": "s1", "sync": "y1", "text": "t1"} | fingerprint
    rates = {"latents": Fraction(125, 4), "semantic": Fraction(1), "sync": Fraction(25)}
    writer = StoreWriter(folder, fingerprint=names, rates=rates)
    writer.write(0, clips)
    writer.finish(encode_words)
    return FeatureStore(folder)


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> FeatureStore:
    clips = [make_clip(k) for k in range(64)] + [make_clip(k, split="val") for k in range(64, 72)]
    return make_store(tmp_path_factory.mktemp("store"), clips)


@pytest.fixture
def config() -> TrainingConfig:
    return TrainingConfig.build(
        {
            "network": {
                "latent_dim": WIDTHS["latent"],
                "semantic_dim": WIDTHS["semantic"],
                "sync_dim": WIDTHS["sync"],
                "text_dim": WIDTHS["text"],
                "text_tokens": 1,
                "hidden": 16,
                "heads": 2,
                "joint_blocks": 1,
                "fused_blocks": 1,
                "segment_tokens": 0,
                "mlp_multiple": 8,
                "time_features": 16,
            },
            "loop": {
                "steps": 20,
                "rows": 8,
                "precision": "fp32",
                "log_steps": 5,
                "validation_steps": 10,
                "validation_batches": 1,
                "snapshot_steps": 5,
                "checkpoint_steps": 10,
                "optimizer": {"rate": 3e-3},
                "schedule": {"warmup_steps": 3},
            },
        }
    )
