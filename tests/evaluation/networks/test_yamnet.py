"""YAMNet: the original's scores and embeddings of a stored wave; lengths; what cannot be heard."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from soundvcm.errors import InputError, WeightsError
from soundvcm.evaluation.networks.yamnet import PATCH_SAMPLES, Yamnet, bundled_yamnet
from soundvcm.weights import save

STORED = Path(__file__).parent / "data" / "yamnet_ref.npz"


@pytest.fixture(scope="module")
def yamnet() -> Yamnet:
    return bundled_yamnet()


def test_it_hears_what_the_original_hears(yamnet: Yamnet) -> None:
    """Float16 weights leave 0.6 % of the embeddings (float32 ones 3e-6)."""
    with np.load(STORED) as file:
        wave, scores, embeddings = (torch.from_numpy(file[name]) for name in ("w", "scores", "emb"))
    found_scores, found = yamnet.listen(wave)
    assert found.shape == embeddings.shape == (6, 1024) and found_scores.shape == scores.shape == (6, 521)
    assert (found - embeddings).norm() / embeddings.norm() < 0.01
    assert (found_scores - scores).abs().max() < 0.01
    assert torch.equal(found_scores.argmax(1), scores.argmax(1))


def test_names(yamnet: Yamnet) -> None:
    assert len(yamnet.classes) == 521
    assert (yamnet.classes[0], yamnet.classes[494]) == ("Speech", "Silence")


def test_it_knows_silence_and_a_tone(yamnet: Yamnet) -> None:
    assert yamnet.top(torch.zeros(16_000))[0][0] == "Silence"
    at = torch.arange(32_000) / 16_000
    names = [name for name, _ in yamnet.top(torch.sin(2 * torch.pi * 1000 * at) * 0.3, 3)]
    assert "Sine wave" in names


@pytest.mark.parametrize(
    ("samples", "patches"), [(1, 1), (PATCH_SAMPLES, 1), (PATCH_SAMPLES + 1, 2), (48_000, 6), (128_000, 16)]
)
def test_patches_cover_the_wave(yamnet: Yamnet, samples: int, patches: int) -> None:
    assert yamnet.patches(torch.zeros(samples)).shape == (patches, 96, 64)


def test_rows_belong_to_their_time(yamnet: Yamnet) -> None:
    wave = torch.randn(32_000, generator=torch.Generator().manual_seed(0)) * 0.1
    whole = yamnet.embeddings(wave)
    assert torch.allclose(yamnet.embeddings(wave[7680 : 7680 + PATCH_SAMPLES])[0], whole[1], atol=1e-4)


def test_wrong_input_and_wrong_files(yamnet: Yamnet, tmp_path: Path) -> None:
    for wave in (torch.zeros(2, 100), torch.zeros(0), torch.tensor([0.0, float("nan")])):
        with pytest.raises(InputError, match="mono wave"):
            yamnet.scores(wave)
    other = tmp_path / "other.safetensors"
    save(other, {"table": torch.zeros(2, 3)}, {"licence": "MIT"})
    with pytest.raises(WeightsError, match="not YAMNet"):
        Yamnet(other)
