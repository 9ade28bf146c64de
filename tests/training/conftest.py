"""A small feature store and a small run, for the tests of this folder."""

from __future__ import annotations

import pytest
from training.parts import WIDTHS, make_clip, make_store

from soundvcm.data.mixture import Mixture, MixtureConfig
from soundvcm.data.store import FeatureStore
from soundvcm.training import LoopConfig, TrainingConfig


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


@pytest.fixture
def mixture(store: FeatureStore) -> Mixture:
    return Mixture([store], MixtureConfig(), rows=8, seed=1)


@pytest.fixture
def quick() -> LoopConfig:
    return LoopConfig.build(
        {
            "steps": 12,
            "rows": 8,
            "precision": "fp32",
            "seed": 1,
            "log_steps": 2,
            "validation_steps": 1,
            "snapshot_steps": 4,
            "checkpoint_steps": 4,
            "workers": 0,
            "optimizer": {"rate": 1e-2},
            "schedule": {"warmup_steps": 2},
        }
    )
