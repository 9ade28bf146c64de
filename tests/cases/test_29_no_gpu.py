"""Case 29: no GPU, odd dtypes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from standins import random_pipeline, write_clip

import soundvcm
from soundvcm import runtime
from soundvcm.cli import main as cli
from soundvcm.cli.commands import generate as command
from soundvcm.errors import DeviceError
from soundvcm.generate.options import GenerateOptions
from soundvcm.systems import loading

SOURCE = Path(soundvcm.__file__).parent


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "a.mp4", 25)


@pytest.fixture(autouse=True)
def cpu_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without CUDA and MPS, and stand-ins loaded as `loading.load` loads a system."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)

    def load(name: str = "tiny", *, device: str = "auto", dtype: str = "float32", **more: Any) -> Any:
        where = runtime.resolve_device(device)
        return random_pipeline(device=where, dtype=runtime.resolve_dtype(dtype, where))

    monkeypatch.setattr(loading, "load", load)
    monkeypatch.setattr(command, "classified_as", lambda outcome: ["Rain"])


def run(*words: object) -> int:
    with pytest.raises(SystemExit) as caught:
        cli.main(["generate", *map(str, words)])
    return int(caught.value.code or 0)


def test_auto_is_the_cpu_with_one_notice(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(clip, "--device", "auto", "-o", tmp_path / "a.mp4", "--seed", 1) == 0
    assert capsys.readouterr().err.count("made on the CPU") == 1
    assert run(clip, "--device", "cpu", "-o", tmp_path / "b.mp4", "--seed", 1) == 0
    assert "made on the CPU" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--device", "cuda"], r"CUDA is not available \(PyTorch \S+ built for .*\)"),
        (["--device", "cpu", "--dtype", "float16"], "float32 or bfloat16"),
    ],
)
def test_what_cannot_be_is_refused_up_front(
    clip: Path, words: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(clip, *words) == 2
    error = capsys.readouterr().err
    assert re.search(line, error) and error.count("\n") == 1
    assert list(clip.parent.iterdir()) == [clip]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_formats_that_are_offered_run(clip: Path, tmp_path: Path, dtype: str) -> None:
    out = tmp_path / "a.wav"
    assert run(clip, "--device", "cpu", "--dtype", dtype, "--audio_only", "-o", out, "--seed", 1) == 0
    assert out.stat().st_size > 16_000 * 2


def test_bfloat16_is_near_float32_and_finite(clip: Path) -> None:
    full, half = random_pipeline(), random_pipeline(dtype=torch.bfloat16)
    features, rows = full.encode_clip(clip), []
    with torch.inference_mode():
        for pipeline in (full, half):
            conditions = pipeline.conditions(features, "rain")
            rows.append(pipeline.latents(features, conditions, GenerateOptions(prompt="rain"), 3).float())
    assert float((rows[0] - rows[1]).norm() / rows[0].norm()) < 0.05
    assert np.isfinite(half.take(features, GenerateOptions(prompt="rain"), seed=3).wave).all()


def test_the_codec_stays_in_float32() -> None:
    pipeline = random_pipeline(dtype=torch.bfloat16)
    codec: Any = pipeline.codec
    assert {parameter.dtype for parameter in codec.parameters()} == {torch.float32}
    assert {p.dtype for p in pipeline.network.parameters()} == {torch.bfloat16}
    assert pipeline.network.latent_mean.dtype == torch.float32


def test_nothing_says_cuda_by_name() -> None:
    words = re.compile(r"\.cuda\(\)|autocast\(\s*[\"']cuda")
    assert not [path.name for path in SOURCE.rglob("*.py") if words.search(path.read_text("utf-8"))]
    for name in ("generate/pipeline.py", "sampler.py"):  # MPS has no float64
        assert not re.search(r"float64|\.double\(\)", (SOURCE / name).read_text("utf-8"))


def test_unknown_devices_and_formats_name_what_there_is() -> None:
    with pytest.raises(DeviceError, match="unknown device 'gpu'"):
        runtime.resolve_device("gpu")
    with pytest.raises(DeviceError, match="unknown dtype"):
        runtime.resolve_dtype("float8", torch.device("cpu"))
