"""The exported graphs in onnxruntime give what torch gives, to 1e-4; refusals say what can be exported."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from standins import random_pipeline

import soundvcm
from soundvcm.errors import OptionError
from soundvcm.generate import onnx as door

SECONDS = 2


def test_products_are_the_fourier_transforms() -> None:
    for n in (62, 63, 250):
        wave = torch.randn(3, n, generator=torch.Generator().manual_seed(n))
        cos, sin = door.forward_matrix(n)
        seen = torch.fft.rfft(wave)
        assert torch.allclose(wave @ cos.T, seen.real, atol=1e-4)
        assert torch.allclose(wave @ sin.T, seen.imag, atol=1e-4)
        back_cos, back_sin = door.inverse_matrix(n)
        assert torch.allclose(seen.real @ back_cos.T + seen.imag @ back_sin.T, wave, atol=1e-5)


def test_refusals(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    pipeline = random_pipeline()
    with pytest.raises(OptionError, match="seconds long, not 60"):
        door.export(pipeline, tmp_path, 60)
    pipeline.sampling = replace(pipeline.sampling, guidance=2.0)
    with pytest.raises(OptionError, match="guidance"):
        door.export(pipeline, tmp_path)
    pipeline.codec = torch.nn.Identity()
    with pytest.raises(OptionError, match="embedded codec"):
        door.export(pipeline, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_onnxruntime_gives_what_torch_gives(tmp_path: Path) -> None:
    """Words, a clip's features, two steps: each within 1e-4; the codec from equal latents too."""
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    pipeline = soundvcm.load("tiny", device="cpu")
    sizes = door.export(pipeline, tmp_path, SECONDS)
    assert sorted(sizes) == sorted(path.name for path in tmp_path.iterdir())
    about = json.loads((tmp_path / "about.json").read_text())
    assert about["samples"] == SECONDS * 16_000 and about["sample_rate"] == 16_000
    network, codec = (runtime.InferenceSession(tmp_path / f"{name}.onnx") for name in ("network", "codec"))
    lines = pipeline.clip_encoder.timeline.at(SECONDS)
    inputs = door.without_video(pipeline, lines)
    rng = torch.Generator().manual_seed(3)
    for shown in (False, True):
        inputs["noisy"] = torch.randn(inputs["noisy"].shape, generator=rng)
        inputs["text"] = pipeline.text.encode(["rain on a tin roof"])
        inputs["has_text"] = torch.tensor([True])
        for name in ("semantic", "sync"):
            inputs[name] = torch.randn(inputs[name].shape, generator=rng) * 0.2
            inputs[f"has_{name}"] = torch.tensor([shown])
        conditions = door.Conditions(**{name: inputs[name] for name in door.INPUTS[3:]})
        ours, theirs = inputs["noisy"], inputs["noisy"].numpy()
        for t, s in ((1.0, 0.5), (0.5, 0.0)):
            times = torch.tensor([t]), torch.tensor([s])
            with torch.inference_mode():
                ours = ours - (t - s) * pipeline.network(ours, *times, conditions)
            given = {name: inputs[name].numpy() for name in door.INPUTS[3:]}
            told = {"noisy": theirs, "t": times[0].numpy(), "s": times[1].numpy()}
            (theirs,) = network.run(None, {**told, **given})
            assert np.abs(theirs - ours.numpy()).max() < 1e-4
        with torch.inference_mode():
            wave = pipeline.codec.decode(pipeline.network.unstandardise(ours))
        noise = np.fromfile(tmp_path / "noise.bin", "<f4")[None]
        # From equal latents: Griffin-Lim doubles small differences from round to round.
        (made,) = codec.run(None, {"latents": ours.numpy(), "noise": noise})
        assert made.shape == tuple(wave.shape) and float(wave.abs().max()) > 0.01
        assert np.abs(made - wave.numpy()).max() < 1e-4


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_word_table_gives_the_encoders_vectors(tmp_path: Path) -> None:
    """A reader of words.json and words.bin, such as the page in examples/browser, finds the same vectors."""
    pytest.importorskip("onnxscript")
    pipeline = soundvcm.load("tiny", device="cpu")
    door.words(tmp_path)
    told = json.loads((tmp_path / "words.json").read_text(encoding="utf-8"))
    table = np.fromfile(tmp_path / "words.bin", np.int8).reshape(-1, told["dim"])
    assert len(table) == len(told["pieces"]) == len(told["scale"])
    index = {piece: number for number, piece in enumerate(told["pieces"])}
    total = sum(table[index[word]] * told["scale"][index[word]] for word in ("a", "dog", ",", "rain"))
    vector = pipeline.text.encode(["A dog, rain"])[0, 0].numpy()
    assert np.abs(total / np.linalg.norm(total) - vector).max() < 1e-5
