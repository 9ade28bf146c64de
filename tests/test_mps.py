"""What runs on a Mac's GPU asks for nothing that MPS lacks, and gives the sounds of the CPU.

On a stand-in (mps_like.py): it has not been run on a Mac.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from mps_like import OnMPS, pretended_mps
from paper_stack import by_rule, install
from standins import write_clip

from soundvcm import GenerateOptions, load
from soundvcm.encoders import ClipPictureEncoder, ClipTextEncoder, SynchformerEncoder, global_motion
from soundvcm.encoders.clip import ClipConfig, PictureTower, TextTower
from soundvcm.encoders.synchformer import SyncTower


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "grey.mp4", 17)


@pytest.fixture
def mac(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)


def test_the_stand_in_refuses_what_mps_lacks() -> None:
    with pretended_mps():
        here = torch.ones(2, 2, device="mps")
        assert isinstance(here, OnMPS) and here.device.type == "mps"
        assert type(here.cpu()) is torch.Tensor and float(here.sum()) == 4
        with pytest.raises(TypeError, match="float64"):
            here.double()
        with pytest.raises(TypeError, match="float64"):
            torch.zeros(2, dtype=torch.float64, device="mps")
        with pytest.raises(RuntimeError, match="CPU and on MPS"):
            here + torch.ones(2, 2)
        with pytest.raises(NotImplementedError, match="_linalg_solve_ex"):
            torch.linalg.solve(here, here)
        with pytest.raises(RuntimeError):
            global_motion.separate(torch.rand(3, 32, 32).to("mps"))  # why motion is measured on the CPU
        with pytest.raises(NotImplementedError, match="bicubic"):
            F.interpolate(here[None, None], size=(4, 4), mode="bicubic", antialias=True)


@pytest.mark.parametrize("renderer", ["auto", "network"])
def test_tiny_makes_the_same_sound(mac: None, clip: Path, renderer: str) -> None:
    asked = GenerateOptions(prompt="rain on a tin roof", renderer=renderer)  # type: ignore[arg-type]
    system = load("tiny", device="cpu")
    expected = system.take(system.encode_clip(clip), asked, seed=1).wave
    with pretended_mps():
        system = load("tiny", device="mps")
        assert all(isinstance(one, OnMPS) for one in system.network.parameters())
        assert all(isinstance(one, OnMPS) for one in system.codec.parameters())  # type: ignore[attr-defined]
        found = system.take(system.encode_clip(clip), asked, seed=1).wave
    assert (found == expected).all()


@pytest.mark.parametrize("mode", ["16k", "44k"])
def test_the_papers_stack_makes_the_same_sound(
    mac: None, clip: Path, mode: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install(monkeypatch, tmp_path / "home", mode)
    name = {"16k": "mmaudio_small_16k", "44k": "mmaudio_small_44k"}[mode]
    asked = GenerateOptions(prompt="rain", negative_prompt="speech", num_steps=2)
    system = load(name, device="cpu")
    expected = system.take(system.encode_clip(clip), asked, seed=1).wave
    with pretended_mps():
        system = load(name, device="mps")
        found = system.take(system.encode_clip(clip), asked, seed=1).wave
    # On a CPU BigVGAN's activations are products of blocks, elsewhere convolutions.
    assert abs(found - expected).max() < 1e-5 * abs(expected).max()


def test_clip_and_synchformer_give_nearly_the_same_tokens() -> None:
    sizes = ClipConfig(
        width=32, layers=1, heads=2, picture=32, grid=2, dim=24, text_width=16, text_layers=1, text_heads=2
    )
    towers = PictureTower(sizes), TextTower(sizes), SyncTower(width=24, heads=2, layers=1)
    for tower in towers:
        tower.eval().load_state_dict(by_rule(tower))
    shown = torch.randint(0, 256, (3, 32, 32, 3), dtype=torch.uint8)
    moved = torch.randint(0, 256, (24, 224, 224, 3), dtype=torch.uint8)

    def tokens() -> list[torch.Tensor]:
        made = (
            ClipPictureEncoder(towers[0], sizes).encode(shown),
            ClipTextEncoder(towers[1]).encode(["a bell rings", "rain"]),
            SynchformerEncoder(towers[2]).encode(moved),
        )
        return [one.cpu() for one in made]

    with torch.inference_mode():
        expected = tokens()
        with pretended_mps():
            for tower in towers:
                tower.to("mps")
                assert all(isinstance(one, OnMPS) for one in tower.parameters())
            found = tokens()
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)
