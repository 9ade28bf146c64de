"""`soundvcm train pairs`: from a teacher to pairs, a reflow student, a one-step student, by commands only."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from training.parts import WIDTHS, make_clip, make_store

from soundvcm.cli import main as cli
from soundvcm.data.store import FeatureStore
from soundvcm.generate.options import Sampling
from soundvcm.systems.loading import saved_network
from soundvcm.training import read_log

SIZES = [f"network.{role}_dim={width}" for role, width in WIDTHS.items()]
SIZES += ["network.text_tokens=1", "network.hidden=16", "network.heads=2", "network.joint_blocks=1"]
SIZES += ["network.fused_blocks=1", "network.segment_tokens=0", "network.mlp_multiple=8"]
SIZES += ["network.time_features=16", "network.covariance_lags=0"]
LOOP = ["loop.steps=4", "loop.rows=4", "loop.snapshot_steps=2", "loop.log_steps=1", "loop.workers=0"]
LOOP += ["loop.validation_steps=0", "loop.schedule.warmup_steps=1", "data.crop_seconds=[]"]


def run(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        cli.main(["train", *map(str, words)])
    out, err = capsys.readouterr()
    return int(caught.value.code or 0), out, err


def learn(capsys: pytest.CaptureFixture[str], folder: Path, kind: str, store: str, *more: str | Path) -> Path:
    target = folder / f"{kind}.safetensors"
    words = ["tiny", f"objective.kind={kind}", *SIZES, *LOOP, *more, "--store", folder / store]
    words += ["--run", folder / kind, "--export", target, "--device", "cpu", "--runs", folder]
    code, out, err = run(capsys, *words)
    assert code == 0 and "step 4/4" in out, err
    return target


@pytest.fixture
def own(tmp_path: Path) -> Path:
    make_store(tmp_path / "own", [make_clip(k) for k in range(6)])
    return tmp_path


def test_from_a_teacher_to_a_one_step_student(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each file says how it is sampled; the pairs of one command are what the next one trains on."""
    teacher = learn(capsys, own, "flow_matching", "own")
    flow = Sampling("flow", steps=25, guidance=4.5, negative_prompt=True)
    assert saved_network(teacher)[1] == flow
    words = ("pairs", "--model", teacher, "--store", own / "own", "--run", own / "pairs", "--device", "cpu")
    code, out, err = run(capsys, *words, "guidance=2", "steps=2")
    assert code == 0 and "6 of 6 clips" in out and "6 pairs, guidance 2, 2 steps" in out, err
    pairs = FeatureStore(own / "pairs")
    assert "noise" in pairs.items[0].lengths and float(pairs.read(0, "std").abs().max()) == 0
    student = learn(capsys, own, "reflow", "pairs", "--warm-start", teacher)
    assert saved_network(student)[1] == Sampling("flow", steps=25)  # the guidance is in the pairs
    last = learn(capsys, own, "distill", "pairs", "--warm-start", student)
    network, sampling = saved_network(last)
    assert sampling == Sampling("flow", steps=1)
    assert torch.equal(network.latent_mean, saved_network(teacher)[0].latent_mean)
    assert len(read_log(own / "distill", "train")) == 4


def test_again_goes_on_and_other_settings_are_refused(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    teacher = learn(capsys, own, "flow_matching", "own")
    words = ("pairs", "--model", teacher, "--store", own / "own", "--run", own / "pairs", "--device", "cpu")
    assert run(capsys, *words, "steps=1")[0] == 0
    shard = own / "pairs" / "shards" / "00000.safetensors"
    (own / "pairs" / "store.json").unlink()  # as if stopped before the end
    before = shard.stat().st_mtime_ns
    assert run(capsys, *words, "steps=1")[0] == 0
    assert shard.stat().st_mtime_ns == before and len(FeatureStore(own / "pairs")) == 6
    code, _, err = run(capsys, *words, "steps=2")
    assert code == 2 and "begun with steps 1, not 2: choose another folder" in err
    make_store(own / "more", [make_clip(k) for k in range(7)])
    code, _, err = run(capsys, *words, "steps=1", "--store", own / "more")
    assert code == 2 and "clips" in err and len(err.strip().splitlines()) == 1
    code, _, err = run(capsys, *words, "step=2")
    assert code == 2 and "steps" in err
    told = json.loads((own / "pairs" / "pairs.json").read_text())
    assert told["guidance"] == 4.5 and len(told["teacher"]) == 16


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("pairs",), "--model TEACHER goes with"),
        (("tiny", "--model", "x.safetensors"), "--model TEACHER goes with"),
        (("pairs", "--model", "x.safetensors", "--export", "y.safetensors"), "trains nothing"),
        (("pairs", "--model", "x.safetensors", "--store", "a", "b"), "one --store at a time, not 2"),
    ],
)
def test_what_does_not_go_together(
    words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run(capsys, *words)
    assert code == 2 and said in err and len(err.strip().splitlines()) == 1


def test_a_teacher_that_is_told_its_guidance_is_refused(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = ("objective.guidance_input=true", "network.guidance_input=log")
    teacher = learn(capsys, own, "vcm", "own", *told)
    words = ("pairs", "--model", teacher, "--store", own / "own", "--run", own / "pairs", "--device", "cpu")
    code, _, err = run(capsys, *words)
    assert code == 2 and "told its guidance" in err and not (own / "pairs").exists()
