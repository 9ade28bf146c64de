"""`soundvcm sample`: a sound for each clip of a store, in batches, by parts, going on where it stopped."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from soundvcm.cli import main as cli
from soundvcm.cli.commands.extract import codec_name
from soundvcm.data.shards import Clip, StoreWriter


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five clips of the split test with features as wide as `tiny` takes, one of another length."""
    folder = tmp_path_factory.mktemp("made") / "store"
    names = {"codec": codec_name(), "semantic": "s", "sync": "y", "text": "t"}
    writer = StoreWriter(folder, fingerprint=names, rates={"latents": Fraction(125, 4)})
    draws = torch.Generator().manual_seed(0)
    rows = []
    for k, seconds in enumerate((1, 1, 2, 1, 1, 1)):
        n = -(-seconds * 125 // 4)
        rows.append(
            Clip(
                f"a/c{k}", "train" if k == 5 else "test", Fraction(seconds), ("rain",),
                torch.zeros(n, 96), torch.ones(n, 96), torch.randn(seconds, 192, generator=draws),
                torch.randn(25 * seconds, 48, generator=draws),
            )
        )  # fmt: skip
    writer.write(0, rows)
    writer.finish(lambda texts: torch.ones(len(texts), 1, 192))
    return folder


def run(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        cli.main(["sample", *map(str, words), "--device", "cpu"])
    out, err = capsys.readouterr()
    return int(caught.value.code or 0), out, err


def test_parts_batches_and_going_on(store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--store", store, "--output", tmp_path / "made", "--batch", "2")
    code, out, err = run(capsys, *words, "--part", "1/2")
    assert code == 0 and "clips/s" in out, err
    assert sorted(p.name for p in (tmp_path / "made" / "a").iterdir()) == ["c0.flac", "c2.flac", "c4.flac"]
    code, out, _ = run(capsys, *words)
    assert code == 0 and "3 of 5 are there already" in out
    assert len(list((tmp_path / "made" / "a").iterdir())) == 5
    lengths = [soundfile.info(path).frames for path in sorted((tmp_path / "made" / "a").iterdir())]
    assert lengths == [16_000, 16_000, 32_000, 16_000, 16_000]
    code, out, _ = run(capsys, *words)
    assert code == 0 and "clips/s" not in out
    alone = ("--store", store, "--output", tmp_path / "alone", "--batch", "1")
    assert run(capsys, *alone)[0] == 0
    for path in (tmp_path / "made" / "a").iterdir():
        one, other = soundfile.read(path)[0], soundfile.read(tmp_path / "alone" / "a" / path.name)[0]
        assert np.abs(one - other).max() < 1e-3 and one.std() > 0


def test_refusals(store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (("--part", "3/2"), ("--part", "x"), ("--batch", "0"), ("--split", "none")):
        code, _, err = run(capsys, "--store", store, "--output", tmp_path, *words)
        assert code == 2 and len(err.strip().splitlines()) == 1, err
