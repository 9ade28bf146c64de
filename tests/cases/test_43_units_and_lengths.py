"""Case 43: units, lengths and rates of the scores."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from sound_folders import chirp, save

from soundvcm.errors import InputError
from soundvcm.evaluation.definitions import DEFINITIONS
from soundvcm.evaluation.extractors import EXTRACTORS
from soundvcm.evaluation.metrics import desync
from soundvcm.evaluation.preparing import Length, prepare
from soundvcm.evaluation.scores import Score


@pytest.mark.parametrize("to_rate", [16_000, 32_000])
def test_every_encoder_gets_its_own_rate_and_mono(tmp_path: Path, to_rate: int) -> None:
    waves = []
    for number, rate in enumerate((16_000, 32_000, 44_100, 48_000)):
        path = save(tmp_path / f"{rate}.wav", chirp(rate, 8, 1 + number % 2), rate)
        found = prepare(path, to_rate, Length(8.0))
        assert found.wave.shape == (8 * to_rate,) and found.seconds == 8
        waves.append(found.wave)
    for wave in waves[1:]:
        assert torch.cosine_similarity(waves[0], wave, dim=0) > 0.99


def test_lengths_are_cut_filled_by_rule_or_refused(tmp_path: Path) -> None:
    paths = {seconds: save(tmp_path / f"{seconds}.wav", chirp(16_000, seconds)) for seconds in (4, 8, 10)}
    waves = {seconds: prepare(path, 16_000, Length(8.0)) for seconds, path in paths.items()}
    assert all(found.wave.shape == (128_000,) for found in waves.values())
    assert torch.allclose(waves[8].wave, waves[10].wave, atol=1e-4)
    assert waves[4].seconds == 4 and waves[4].wave[64_000:].abs().max() == 0
    with pytest.raises(InputError, match=r"4\.wav: .*4\.000 s.* 8 s"):
        prepare(paths[4], 16_000, Length(8.0, "refuse"))


def test_desync_is_in_seconds() -> None:
    assert desync(torch.tensor([10, 12, 8, 20])) == pytest.approx((0 + 0.4 + 0.4 + 2.0) / 4, abs=1e-12)
    assert desync(torch.arange(21)) == pytest.approx(1.048, abs=5e-4)  # a random guesser
    assert DEFINITIONS["DeSync"].unit == "s"


def test_names_are_those_of_the_field() -> None:
    assert {"FD_VGG", "FD_PANNs", "FD_PaSST", "KL_PANNs", "KL_PaSST", "IS_PANNs", "IB", "DeSync"} <= set(
        DEFINITIONS
    )
    assert set(EXTRACTORS) >= {"yamnet", "onsets"}


def test_cosine_is_printed_both_ways() -> None:
    """0.2913 in code is 29.13 in tables."""
    score = Score("IB", "cosine", "higher", 0.29131)
    assert score.text == "0.2913 (x 100: 29.13)"
    assert Score("FD_VGG", "squared distance", "lower", None).text == "not computed"
