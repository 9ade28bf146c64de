"""`python -m tiny`: the whole way to an embedded network in small, from the bank to weights that load."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from soundvcm.cli import main as cli
from soundvcm.data.store import FeatureStore
from soundvcm.errors import WeightsError
from soundvcm.systems.loading import load, saved_codec, saved_network
from tiny import __main__ as door

ROOT = Path(__file__).resolve().parents[2]
CODEC = ("codec.dim=8", "codec.width=16", "codec.fast_width=16", "codec.mels=32", "codec.encoder_blocks=1")
CODEC += ("codec.decoder_blocks=[1,1,1]", "batch=2", "bf16=false", "steps=4", "save_every=2", "log_every=2")
NETWORK = (
    "network.hidden=32",
    "network.heads=2",
    "network.fused_blocks=1",
    "network.covariance_lags=60",
)
LOOP = ("loop.rows=2", "loop.snapshot_steps=2", "loop.log_steps=1", "loop.schedule.warmup_steps=1")
CROPS = "data.crop_seconds=[2.0]"


def run(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        door.main(list(map(str, words)))
    out, err = capsys.readouterr()
    return int(caught.value.code or 0), out, err


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.mark.slow
def test_1_codec(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Trains, exports in half precision with its sizes; the same command again has nothing left to do."""
    words = ("codec", *CODEC, "--runs", runs, "--export", runs / "codec.safetensors")
    code, out, err = run(capsys, *words)
    assert code == 0 and "step 4/4" in out, err
    codec = saved_codec(runs / "codec.safetensors")
    assert codec.dim == 8
    with safe_open(runs / "codec.safetensors", "pt") as file:
        assert file.metadata()["licence"] == "MIT" and "CREDITS" in file.metadata()["data"]
        assert file.get_tensor("decoder.mel.weight").dtype == torch.float16
    again = run(capsys, *words)
    assert again[0] == 0 and "step" not in again[1]


@pytest.mark.slow
def test_2_scenes(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Scenes through that codec; a second run keeps what is there."""
    words = ("scenes", "--runs", runs, "--scenes", "3", "--workers", "1")
    code, _, err = run(capsys, *words)
    assert code == 0, err
    store = FeatureStore(runs / "tiny-scenes")
    assert len(store) == 6 and store.widths["latents"] == 8
    assert len(store.split("train")) == len(store.split("val")) == 3
    codec = saved_codec(runs / "tiny-codec" / "codec.safetensors")
    assert store.importance is not None
    assert store.importance.tolist() == pytest.approx(codec.importance.tolist(), abs=1e-5)
    before = (runs / "tiny-scenes" / "shards" / "00000.safetensors").stat().st_mtime_ns
    assert run(capsys, *words)[0] == 0
    assert (runs / "tiny-scenes" / "shards" / "00000.safetensors").stat().st_mtime_ns == before


@pytest.mark.slow
def test_3_network(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Trains, exports the average in the asked format; covariance and guidance travel with it."""
    target = runs / "network.safetensors"
    words = ("train", *NETWORK, *LOOP, CROPS, "loop.steps=3", "loop.validation_steps=2", "--runs", runs)
    code, out, err = run(capsys, *words, "--device", "cpu", "--export", target, "--dtype", "float16")
    assert code == 0 and "step 3/3" in out, err
    network, sampling = saved_network(target)
    assert network.config.hidden == 32 and sampling.kind == "mean" and sampling.guidance is None
    with safe_open(target, "pt") as file:
        assert json.loads(file.metadata()["guidance"]) == 2.0
    weights = load_file(target)
    assert weights["final.conv.weight"].dtype == torch.float16
    variance = weights["data_covariance"][0, 0]
    assert variance.dtype == torch.float32 and float(variance.max()) > 3 * float(variance.min()) > 0
    full = runs / "full.safetensors"
    words += ("--sigma-rel", "0.05", "--temperature", "0.7")
    assert run(capsys, *words, "--device", "cpu", "--export", full)[0] == 0
    assert saved_network(full)[1].temperature == 0.7 and sampling.temperature == 1.0
    assert load_file(full)["final.conv.weight"].dtype == torch.float32
    own = load(str(full), device="cpu")  # its codec lies beside it
    assert own.codec.dim == 8 and own.semantic.name == "pictures-2"
    assert own.generate(prompt="rain", duration=1, seed=1, renderer="network").wave.shape == (1, 16_000)
    alone = shutil.copy(full, runs / "tiny-codec" / "alone.safetensors")
    (runs / "tiny-codec" / "codec.safetensors").rename(runs / "tiny-codec" / "other.safetensors")
    with pytest.raises(WeightsError, match="8 wide"):
        load(str(alone), device="cpu")
    (runs / "tiny-codec" / "other.safetensors").rename(runs / "tiny-codec" / "codec.safetensors")


@pytest.mark.slow
def test_4_warm_start_takes_the_sizes_of_the_file(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("finetune", *LOOP, CROPS, "loop.steps=1", "--run", runs / "tuned", "--device", "cpu")
    words += ("--store", runs / "tiny-scenes", "--warm-start", runs / "network.safetensors")
    with pytest.raises(SystemExit) as caught:
        cli.main(["train", *map(str, words)])
    out, err = capsys.readouterr()
    assert caught.value.code == 0 and "step 1/1" in out, err


def test_without_a_command_it_says_which_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys)[0] == 2
    code, out, _ = run(capsys, "--help")
    assert code == 0 and all(name in out for name in (*door.COMMANDS, "train"))
    code, _, err = run(capsys, "scene")
    assert code == 2 and "scenes" in err and len(err.strip().splitlines()) == 1


def test_a_missing_store_names_the_command_that_draws_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as leaving:
        door.main(["train", "--runs", str(tmp_path)])
    assert leaving.value.code == 2
    assert f"python -m tiny scenes --runs {tmp_path}" in capsys.readouterr().err


def test_it_runs_from_the_checkout() -> None:
    done = subprocess.run([sys.executable, "-m", "tiny", "scenes", "--help"], cwd=ROOT, capture_output=True)
    assert done.returncode == 0 and b"--workers" in done.stdout
