"""Batches, threads and another device change no feature; speeds are told; only common files are scored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from torch import nn

from soundvcm.cli import main as cli
from soundvcm.errors import OptionError
from soundvcm.evaluation import placing
from soundvcm.evaluation.extractors import EXTRACTORS
from soundvcm.evaluation.placing import Batched, placed
from soundvcm.evaluation.preparing import Length
from soundvcm.evaluation.reading import FeatureReader, Work


@pytest.fixture
def sounds(tmp_path: Path) -> dict[str, Path]:
    draws = np.random.default_rng(0)
    found = {f"s{k}": tmp_path / f"s{k}.wav" for k in range(5)}
    for k, path in enumerate(found.values()):
        soundfile.write(path, 0.1 * draws.standard_normal(12_000 if k == 3 else 16_000), 16_000)
    return found


def test_batches_and_threads_give_the_same_features(sounds: dict[str, Path]) -> None:
    def build(device: torch.device) -> Batched:
        torch.manual_seed(0)
        network = nn.Linear(160, 3)
        return Batched(lambda wave: wave[None].unfold(1, 160, 160).mean(1), network, lambda x: {"rows": x[0]})

    from dataclasses import replace

    extractor = replace(EXTRACTORS["onsets"], build=build)
    told: list[tuple[str, float]] = []

    def features(work: Work) -> dict[str, torch.Tensor]:
        reader = FeatureReader(extractor, Length(1.0), None, work)
        found = reader.all(sounds, lambda phase, share: told.append((phase, share)))
        assert reader.short == ["s3"] and reader.computed == 5 and reader.seconds > 0
        return {name: value["rows"] for name, value in found.items()}

    one, several = features(Work()), features(Work(batch=2, readers=3))
    assert list(one) == list(several) == list(sounds)
    for name in one:
        torch.testing.assert_close(one[name], several[name])
    assert told[0] == ("onsets: s0", 0.0) and told[4] == ("onsets: s4", 0.8)
    with pytest.raises(OptionError):
        Work(batch=-1)


def test_a_placed_network_takes_and_gives_tensors_of_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """The trip there and back, with a pretended GPU; placing twice moves once."""
    sent: list[tuple[int, ...]] = []
    monkeypatch.setattr(placing, "sent", lambda value, device: (sent.append(value.shape), value)[1])
    module = nn.Linear(3, 2)
    monkeypatch.setattr(module, "to", lambda device: module)
    assert placed(module, torch.device("cpu")) is module and not module._forward_pre_hooks
    for _ in range(2):
        placed(module, torch.device("cuda"))
    out = module(torch.ones(4, 3))
    assert sent == [(4, 3)] and out.device.type == "cpu"


def test_the_command_scores_common_files_and_tells_its_speed(
    sounds: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A test split of a larger folder: `--common` leaves the other true sounds out of FD too."""
    made = tmp_path / "made"
    made.mkdir()
    for name in ("s0", "s1"):
        (made / f"{name}.wav").write_bytes(sounds[name].read_bytes())
    words = ["evaluate", str(tmp_path), str(made), "--scores", "FD_YAMNet", "--seconds", "1"]
    words += [
        "--no-cache",
        "--resamples",
        "0",
        "--common",
        "--device",
        "cpu",
        "--batch",
        "2",
        "--readers",
        "1",
    ]
    (tmp_path / "made").rename(tmp_path.parent / f"{tmp_path.name}-made")
    words[2] = str(tmp_path.parent / f"{tmp_path.name}-made")
    with pytest.raises(SystemExit) as caught:
        cli.main(words)
    out, err = capsys.readouterr()
    assert caught.value.code in (0, None), err
    assert "yamnet: 4 sounds, " in out and "sounds/s" in out
    line = next(row for row in out.splitlines() if row.startswith("FD_YAMNet"))
    assert " 0 " in line or "0.0" in line or "e-" in line, line
