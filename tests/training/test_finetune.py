"""What fine-tuning begins with, which recipe it takes, and which average it keeps."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from soundvcm import training, weights
from soundvcm.data.catalog import Row
from soundvcm.errors import OptionError, WeightsError
from soundvcm.generate.options import Sampling
from soundvcm.objectives import config_of
from soundvcm.training.finetune import (
    best_average,
    export_finetuned,
    finetune_config,
    start_from,
    tuned_sampling,
)


def clip(k: int, split: str, seconds: int = 4) -> Row:
    return Row(str(k), Path(f"{k}.wav"), seconds=Fraction(seconds), split=split)


CLIPS = [clip(0, "train", 8), clip(1, "train"), clip(2, "val")]


def test_tiny_goes_on_as_it_was_trained_and_is_sampled() -> None:
    start = start_from("tiny", None)
    assert start.licence == "MIT" and start.sampling.temperature == 0.9 and not start.is_flow
    assert tuned_sampling(start) == start.sampling
    config = finetune_config(start, CLIPS, {"loop.steps": 50, "loop.log_steps": 7})
    told = json.loads(start.header["training"])["objective"]
    assert config.objective == config_of(told | {"warm_start": 0.0})
    # Validation has no clip of 8 s; of two clips no batch of 16 rows is made.
    assert config.data.crop_seconds == (4.0, 2.0) and config.loop.rows == 4
    assert config.loop.snapshot_steps == config.loop.validation_steps == 5 and config.loop.log_steps == 7


def test_a_flow_gets_the_papers_objective_and_one_call() -> None:
    start = start_from("mmaudio_small_16k", None)  # needs no file to be looked at
    assert start.is_flow and start.network.second_time == "offset" and start.licence == "CC-BY-NC-4.0"
    config = finetune_config(start, CLIPS)
    assert config.objective == training.TrainingConfig().objective and config.loop.precision == "bf16"
    assert config.data.crop_seconds == () and tuned_sampling(start) == Sampling()


@pytest.mark.parametrize("name", ["tinny", "small_16k", "none.safetensors"])
def test_what_is_not_here_is_named(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOUNDVCM_HOME", str(tmp_path))
    with pytest.raises((OptionError, WeightsError)) as caught:
        start_from(name, tmp_path)
    assert name.split(".")[0] in str(caught.value)


def test_the_best_average_is_kept_not_the_last(tmp_path: Path) -> None:
    """A real run of two steps; its log is given better and worse scores."""
    start = start_from("tiny", None)
    rows = (tmp_path / "log.jsonl").open("w")
    for step, score in ((2, 0.4), (4, 0.7), (6, 0.5)):
        rows.write(json.dumps({"event": "validation", "step": step, "mse": 1.0}) + "\n")
        row = {"event": "validation", "step": step, "held_out": score, "updates": float(step)}
        rows.write(json.dumps(row) + "\n")
    rows.close()
    best = best_average(tmp_path)
    assert (best.step, best.updates, best.values["held_out"]) == (4, 4, 0.7)
    with pytest.raises(OptionError):
        best_average(tmp_path / "nowhere")
    assert start.path == weights.locate("tiny_network")


def test_the_file_says_what_it_began_with_and_is_sampled_likewise(tmp_path: Path) -> None:
    from training.parts import small_loop

    start = start_from("tiny", None)
    config = finetune_config(start, CLIPS)

    class Rows:
        def batch(self, step: int, part: int = 0, parts: int = 1) -> object:
            from soundvcm.data.mixture import Batch
            from soundvcm.records import Conditions

            flags = Conditions.of(
                semantic=torch.zeros(1, 2, 5), sync=torch.zeros(1, 9, 4), text=torch.zeros(1, 1, 5)
            )
            return Batch(torch.randn(1, 12, 6), flags, ["a"])

        def caption(self, clip: str) -> str:
            return ""

        def ids(self, step: int) -> list[str]:
            return ["a"]

    loop = small_loop(config.loop.change({"steps": 2, "rows": 1, "workers": 0}), Rows(), tmp_path / "run")  # type: ignore[arg-type]
    loop.record = {"config": config.model_dump(mode="json")}
    loop.run()
    target = tmp_path / "mine.safetensors"
    export_finetuned(tmp_path / "run", target, start, config, 2)
    header = weights.header(target)
    assert json.loads(header["sampling"]) == {"temperature": 0.9} and header["licence"] == "MIT"
    assert json.loads(header["began_with"])["file"] == "tiny_network.safetensors"
    assert header["dtype"] == "float16" and header["updates"] == "2"


def test_weights_of_mmaudio_as_published_are_adopted_first(tmp_path: Path) -> None:
    """Without a folder to write to it says so; with one, a file that is no such network is refused."""
    save_file({"a": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(OptionError):
        start_from(tmp_path / "other.safetensors", None)
    with pytest.raises(WeightsError):
        start_from(tmp_path / "other.safetensors", tmp_path / "work")
    assert not list((tmp_path / "work").glob("*.safetensors"))
