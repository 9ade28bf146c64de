"""The walk of docs/training.md: three clips become a store, and the shipped network learns from them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors import safe_open
from standins import write_clip
from training.parts import make_clip, make_store

from soundvcm import media, weights
from soundvcm.cli import main as cli
from soundvcm.cli.commands.extract import codec_name
from soundvcm.cli.commands.train_samples import sample_hook
from soundvcm.data.store import FeatureStore
from soundvcm.errors import OptionError
from soundvcm.systems.loading import load, saved_codec, saved_network
from soundvcm.training import TrainingConfig, read_log

CLIPS = Path(__file__).resolve().parents[2] / "examples" / "clips"


def run(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        cli.main(list(map(str, words)))
    out, err = capsys.readouterr()
    return int(caught.value.code or 0), out, err


@pytest.mark.slow
def test_own_clips_from_the_shipped_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own, target, sounding = tmp_path / "own", tmp_path / "mine.safetensors", tmp_path / "clips"
    sounding.mkdir()
    draw = np.random.default_rng(0)
    for clip in CLIPS.glob("*.mp4"):  # they are silent: each gets bursts of noise
        bursts = (np.arange(64_000) % 8_000 < 1_000) * draw.normal(0, 0.1, 64_000)
        media.mux(clip, bursts.astype(np.float32)[None], 16_000, sounding / clip.name)
    lines = ["id\tfile\tseconds\tcaptions\tsplit", "bounce\tbounce.mp4\t2\ta ball bounces\ttrain"]
    lines += ["hammer\thammer.mp4\t2\thammer on wood\ttrain", "rain\train.mp4\t2\train\tval"]
    (tmp_path / "table.tsv").write_text("\n".join(lines))
    words = ("extract", "--catalog", tmp_path / "table.tsv", "--folder", sounding, "--output", own)
    code, out, err = run(capsys, *words, "--workers", "1", "--device", "cpu")
    assert code == 0 and "3 clips (train 2, val 1), 3 captions" in out, err
    assert FeatureStore(own).fingerprint["codec"] == codec_name(None)

    words = ("train", "finetune", "--store", own, "--run", tmp_path / "run", "--export", target)
    words += ("--warm-start", weights.locate("tiny_network"), "--device", "cpu", "--runs", tmp_path / "none")
    changes = ("loop.steps=20", "loop.rows=4", "data.crop_seconds=[2.0]", "loop.schedule.warmup_steps=5")
    changes += ("loop.validation_steps=10", "loop.samples=1", "loop.log_steps=10", "loop.snapshot_steps=5")
    code, out, err = run(capsys, *words, *changes)
    assert code == 0 and "step 20/20" in out, err
    validation = [row["mse"] for row in read_log(tmp_path / "run", "validation")]
    assert len(validation) == 2 and all(value < 10 for value in validation)
    samples = tmp_path / "run" / "samples"
    assert {path.name for path in samples.iterdir()} == {"recorded", "step-00000010", "step-00000020"}
    wave, rate = soundfile.read(samples / "step-00000020" / "0-rain.wav")
    assert rate == 16_000 and len(wave) >= 32_000 and wave.std() > 0
    assert (samples / "recorded" / "0-rain.png").read_bytes()[:4] == b"\x89PNG"

    with safe_open(target, "pt") as file:
        about = file.metadata()
    assert about["licence"] == "MIT" and json.loads(about["data"])["clips"] == 2
    before, after = saved_network("tiny_network")[0].state_dict(), saved_network(target)[0].state_dict()
    assert torch.equal(before["latent_mean"], after["latent_mean"])  # standardised as the weights expect
    assert any(not torch.equal(before[name], after[name]) for name in before)
    sound = load(str(target), device="cpu").generate(CLIPS / "hammer.mp4", seed=1, duration=2)
    assert sound.wave.shape == (1, 32_000)


@pytest.fixture(scope="module")
def sounding(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three clips of 2.2 s, each with bursts of noise."""
    folder, silent = tmp_path_factory.mktemp("sounding"), tmp_path_factory.mktemp("silent")
    draw, samples = np.random.default_rng(0), 35_200
    for name in ("bounce.mp4", "hammer.mp4", "rain.mp4"):
        bursts = (np.arange(samples) % 8_000 < 1_000) * draw.normal(0, 0.1, samples)
        clip = write_clip(silent / name, frames=55)
        media.mux(clip, bursts.astype(np.float32)[None], 16_000, folder / name)
    return folder


@pytest.fixture
def few_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two sounds of held-out clips a time are enough here."""
    monkeypatch.setattr("soundvcm.cli.commands.held_out.TAKES", 2)


def test_one_command_from_clips_to_weights(
    sounding: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    few_takes: None,
) -> None:
    """Extracts whole files, holds one out, trains, listens, keeps the best, says what got better; goes on."""
    target, work = tmp_path / "mine.safetensors", tmp_path / "mine.finetune"
    words = ["finetune", str(sounding), "loop.steps=2", "loop.rows=2", "data.crop_seconds=[2.0]"]
    words += ["--from", "tiny", "-o", str(target), "--workers", "1", "--device", "cpu"]
    from soundvcm.training.loop import Loop

    step = Loop._step
    monkeypatch.setattr(Loop, "_step", lambda self: (step(self), self.ask_stop()))
    code, out, err = run(capsys, *words)
    assert code == 130 and "run the same command again" in err and not target.exists()
    assert "of 3 files; held out: 1" in out and "before: YAMNet cosine" in out
    monkeypatch.setattr(Loop, "_step", step)
    code, out, err = run(capsys, *words)
    assert code == 0, err
    assert "going on with" in out and "at step 1" in out and "shard" not in out
    assert "on" in out and "before, YAMNet cosine" in out and f"wrote {target} (MIT)" in out
    listened = [row for row in read_log(work / "run", "validation") if "held_out" in row]
    assert [row["step"] for row in listened] == [1, 2]
    names = {path.name for path in (work / "samples").iterdir()}
    assert names == {"before", "after", "real"}
    assert all(len(list((work / "samples" / name).glob("*.wav"))) == 1 for name in names)
    splits = {item.id.split("#")[0]: item.split for item in FeatureStore(work / "store").items}
    assert splits == {"bounce": "val", "hammer": "train", "rain": "train"}
    with safe_open(target, "pt") as file:
        assert json.loads(file.metadata()["sampling"]) == {"temperature": 0.9}
    code, _, err = run(capsys, *words)
    assert code == 2 and "--overwrite" in err


def test_what_finetune_refuses(
    sounding: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOUNDVCM_HOME", str(tmp_path / "home"))
    one = tmp_path / "one"
    one.mkdir()
    (one / "a.mp4").write_bytes((sounding / "rain.mp4").read_bytes())
    for words, part in (
        ((sounding,), "--from"),
        ((tmp_path / "no", "--from", "tiny"), "is not here"),
        ((one, "--from", "tiny"), "two files"),
        ((sounding, "--from", "tinny"), "did you mean 'tiny'"),
        ((sounding, "--from", "small_16k"), "mmaudio_small_16k"),
        ((sounding, "--from", "tiny", "-o", tmp_path / "x.pt"), "FILE.safetensors"),
        ((sounding, "--from", "tiny", "loop.stepz=3", "--dry-run"), "did you mean"),
    ):
        code, _, err = run(capsys, "finetune", *words, "--work", tmp_path / "work")
        assert code == 2 and part in err and len(err.strip().splitlines()) == 1, (words, err)
    assert not (tmp_path / "work").exists()


def test_finetune_dry_run_tells_recipe_and_cost(sounding: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "finetune", sounding, "--from", "mmaudio_small_16k", "--dry-run")
    assert code == 0 and "hidden: 448" in out and "precision: bf16" in out, err
    told = json.loads(out[out.rindex("\n{") :])
    assert told["hours"] > 0 and told["assumed"]["peak_tflops"] == 165
    assert told["state_gib"] + told["activations_gib"] < 24


def test_samples_need_the_codec_of_the_store(config: TrainingConfig, tmp_path: Path) -> None:
    config = config.change({"loop.samples": 1})
    clips = [make_clip(0), make_clip(1, split="val")]
    shipped = make_store(tmp_path / "a", clips, codec=codec_name(None))
    hook = sample_hook(config, [shipped], [tmp_path / "missing.safetensors"], "cpu")
    latents = torch.zeros(1, 4, saved_codec("tiny_codec").dim)
    assert hook.sample_rate == 16_000 and hook.decode(latents).shape == (1, 2048)
    other = make_store(tmp_path / "b", clips, codec="neural-0123")
    with pytest.raises(OptionError, match=r"neural-0123.*--codec FILE"):
        sample_hook(config, [other], [], "cpu")


@pytest.fixture
def config() -> TrainingConfig:
    return TrainingConfig()


@pytest.mark.slow
def test_adapters_and_a_mixed_store(
    sounding: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], few_takes: None
) -> None:
    """--lora writes a small file beside the merged one; both load, and say the same; --mix --share mixes."""
    other = tmp_path / "other"
    words = ["extract", "--folder", str(sounding), "--seconds", "2", "--output", str(other), "--workers", "1"]
    assert run(capsys, *words)[0] == 0
    target = tmp_path / "mine.safetensors"
    words = ["finetune", str(sounding), "loop.steps=1", "loop.rows=4", "data.crop_seconds=[2.0]"]
    words += ["--from", "tiny", "-o", str(target), "--workers", "1", "--device", "cpu"]
    code, out, err = run(capsys, *words, "--lora", "4", "--mix", other, "--share", "0.75")
    assert code == 0 and "mine.lora.safetensors" in out, err
    small = tmp_path / "mine.lora.safetensors"
    assert small.stat().st_size < target.stat().st_size / 3
    one, two = saved_network(target)[0].state_dict(), saved_network(small)[0].state_dict()
    assert max(float((one[name] - two[name]).abs().max()) for name in one) < 2e-3  # one is in half precision
    with safe_open(target, "pt") as file:
        shares = dict(json.loads(file.metadata()["data"])["shares"])
    assert shares == {"store": "3/4", "other": "1/4"}
    assert load(str(small), device="cpu").sampling.temperature == 0.9
