"""ImageBind and CLAP against the packages that define them, on rule-made weights, and from the command line.

data/imagebind.npz comes from imagebind-unofficial 0.1.1 and torchaudio 2.11's Kaldi filters, data/clap.npz
from laion-clap 1.1.7 with torchlibrosa 0.1 and a RoBERTa of transformers 5.24, clap_keys.tsv lists the names
of the latter. Widths are small; names, front ends and what is done are theirs. The public weights were never
here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch
from clips import moving, write_video
from golden_rules import draw, weight
from torch import Tensor

from soundvcm import media, weights
from soundvcm.cli import main as cli
from soundvcm.errors import InputError, MissingExtraError, OptionError, WeightsError
from soundvcm.evaluation import extractors
from soundvcm.evaluation.definitions import DEFINITIONS
from soundvcm.evaluation.extractors import EXTRACTORS, UNPROVEN, require
from soundvcm.evaluation.networks import aisfx, clap, imagebind

DATA = Path(__file__).parent / "data"
SOUND = partial(imagebind.sound_tower, 48, 2, 4, 32)
SIGHT = partial(imagebind.picture_tower, 32, 2, 4, 32)


def wave(rate: int, seconds: float) -> Tensor:
    count = int(rate * seconds)
    t = np.arange(count) / rate
    noise = draw(f"metric.wave{rate}", (count,))
    return torch.from_numpy((0.3 * np.sin(2 * np.pi * (100 * t + 300 * t * t)) + 0.05 * noise).astype("f4"))


def golden(name: str) -> dict[str, Tensor]:
    with np.load(DATA / f"{name}.npz") as file:
        return {key: torch.from_numpy(file[key]) for key in file.files}


def error(found: Tensor, expected: Tensor) -> float:
    assert found.shape == expected.shape
    return float((found - expected).norm() / expected.norm())


def imagebind_state() -> dict[str, Tensor]:
    """Both towers under their public names, and a name of each that is not built."""
    found = {
        "modality_trunks.text.blocks.0.norm_1.weight": torch.ones(3),
        "modality_heads.imu.3.weight": draw_(2),
    }
    for make, role in ((SOUND, "audio"), (SIGHT, "vision")):
        with torch.device("meta"):
            shapes = make().state_dict()
        for name, value in shapes.items():
            part, rest = name.split(".", 1)
            key = f"modality_{part}s.{role}.{rest}"
            scale = key.endswith("log_logit_scale")
            found[key] = (
                torch.tensor(20.0).log() if scale else torch.from_numpy(weight(key, tuple(value.shape)))
            )
    return found


def draw_(count: int) -> Tensor:
    return torch.from_numpy(draw("unused", (count,)).astype("f4"))


def clap_state() -> dict[str, Tensor]:
    """LAION's state dict, small: every name of its own code, with rule-made numbers."""
    found = {}
    for line in (DATA / "clap_keys.tsv").read_text().splitlines():
        name, sizes, kind = line.split("\t")
        shape = tuple(int(size) for size in sizes.split(",") if size)
        if kind != "float32":
            found[name] = torch.zeros(shape, dtype=torch.long)
        elif name.endswith("running_var"):
            found[name] = torch.from_numpy((1 + 0.05 * draw(name, shape)).astype("f4"))
        else:
            found[name] = torch.from_numpy(np.asarray(weight(name, shape) if shape else np.float32(1)))
    return found


def test_imagebind_hears_and_sees_as_its_makers_prepare_it() -> None:
    stored = golden("imagebind")
    parts = imagebind.spectra(wave(16_000, 8.0))
    assert parts.shape == (3, 1, 128, 204)
    assert error(parts[:, :, ::8, ::7], stored["spectra"]) < 1e-5
    # 198 frames of 25 ms each 10 ms fit into 2 s; the rest is 0 before standardisation
    assert torch.allclose(parts[..., 198:], torch.tensor(4.268 / 9.138))
    assert imagebind.starts(8.0) == [0.0, 3.0, 6.0] and imagebind.starts(1.5) == [0.0, 0.0, 0.0]
    noise = np.clip(draw("ib.frames", (4, 30, 40, 3)), -1, 1)
    pairs = imagebind.pairs(torch.from_numpy((127.5 * (1 + noise)).astype("u1")))
    assert pairs.shape == (9, 3, 2, 224, 224)
    assert error(pairs[..., ::16, ::16], stored["pictures"]) < 1e-6


def test_crops_lie_at_the_ends_and_the_middle() -> None:
    ramp = torch.arange(672, dtype=torch.float32).div(3).to(torch.uint8)
    tall = ramp[None, :, None, None].expand(1, 672, 224, 3)
    pairs = imagebind.pairs(tall)  # one picture: its own neighbour
    assert pairs.shape == (3, 3, 2, 224, 224) and torch.equal(pairs[:, :, 0], pairs[:, :, 1])
    top = pairs[:, 0, 0, 0, 0] * imagebind.PICTURE_STD[0] + imagebind.PICTURE_MEAN[0]
    assert torch.allclose(top * 255, torch.tensor([0.0, 74.0, 149.0]), atol=1e-3)  # rows 0, 224, 448
    with pytest.raises(InputError, match="at least one picture"):
        imagebind.pairs(tall[:0])
    with pytest.raises(InputError, match="ImageBind"):
        imagebind.spectra(torch.zeros(399))


def test_imagebind_is_the_published_network() -> None:
    stored, state = golden("imagebind"), imagebind_state()
    ears, eyes = imagebind.load_tower(SOUND, "audio", state), imagebind.load_tower(SIGHT, "vision", state)
    noise = np.clip(draw("ib.frames", (4, 30, 40, 3)), -1, 1)
    frames = torch.from_numpy((127.5 * (1 + noise)).astype("u1"))
    with torch.no_grad():
        heard = ears(imagebind.spectra(wave(16_000, 8.0))).mean(0)
        seen = eyes(imagebind.pairs(frames)).mean(0)
    assert error(heard, stored["sound"]) < 1e-5 and error(seen, stored["sight"]) < 1e-5
    del state["modality_trunks.audio.blocks.1.attn.bias_k"]
    with pytest.raises(WeightsError, match="ImageBind"):
        imagebind.load_tower(SOUND, "audio", state)


def test_sizes_of_the_public_towers() -> None:
    with torch.device("meta"):
        counts = [
            sum(p.numel() for p in make().parameters())
            for make in (imagebind.sound_tower, imagebind.picture_tower)
        ]
    assert [round(count / 1e6) for count in counts] == [86, 633]  # ViT-B, ViT-H


def test_clap_hears_as_laion_does() -> None:
    frames = clap.frames(wave(48_000, 3.0))
    assert frames.shape == (1001, 64)
    assert error(frames[::9, ::3], golden("clap")["frames"]) < 1e-5
    three = clap.filled(torch.ones(144_000))
    assert (
        len(three) == 480_000 and three[:432_000].all() and not three[432_000:].any()
    )  # 3 x 3 s, then silence
    assert torch.equal(clap.frames(torch.zeros(48_000)), torch.full((1001, 64), -100.0))
    with pytest.raises(InputError, match="10 s.* 11"):
        clap.frames(torch.zeros(11 * 48_000))


def test_every_name_of_laion_has_a_place() -> None:
    """Dropped are only the front end, heads for classes and training, and tables of numbers."""
    state = clap_state()
    found = clap.renamed({f"module.{name}": value for name, value in state.items()})
    assert found.keys() == clap.renamed(state).keys()
    assert not any("branch" in name or "qkv" in name or ".attn." in name for name in found)
    sizes = clap.sizes(found)
    assert sizes["audio_config"]["depths"] == [1, 1, 2, 1] and sizes["audio_config"]["hidden_size"] == 128
    assert sizes["text_config"]["num_hidden_layers"] == 2 and sizes["projection_dim"] == 32
    with pytest.raises(WeightsError, match="LAION"):
        clap.sizes({"a": torch.zeros(1)})


def test_clap_is_the_published_network() -> None:
    pytest.importorskip("transformers")
    network, stored = clap.load_clap(clap_state()), golden("clap")
    numbers = torch.tensor([[0, 17, 45, 99, 2]])
    with torch.no_grad():
        inputs = clap.frames(wave(48_000, 3.0))[None, None]
        heard = network.get_audio_features(input_features=inputs, is_longer=torch.tensor([[False]]))
        meant = network.get_text_features(input_ids=numbers, attention_mask=torch.ones_like(numbers))
    assert error(clap._unit(heard), stored["sound"]) < 1e-5
    assert error(clap._unit(meant), stored["words"]) < 1e-5
    state = clap_state()
    del state["audio_branch.norm.weight"]
    with pytest.raises(WeightsError, match="ClapModel"):
        clap.load_clap(state)


def place(name: str) -> Path:
    path = weights.weights_folder() / weights.part(name).file
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("SOUNDVCM_HOME", str(tmp_path / "home"))
    for cached in (imagebind.tower, clap.network, clap.tokenizer):
        cached.cache_clear()
    yield tmp_path
    for cached in (imagebind.tower, clap.network, clap.tokenizer):
        cached.cache_clear()


def score(capsys: pytest.CaptureFixture[str], folder: Path, *words: str) -> dict[str, object]:
    arguments = ["evaluate", str(folder / "real"), str(folder / "made"), "--seconds", "3", "--resamples", "0"]
    with pytest.raises(SystemExit) as caught:
        cli.main([*arguments, "--scores", *words, "--json"])
    out, err = capsys.readouterr()
    assert not caught.value.code, err
    (found,) = json.loads(out)["scores"]
    assert UNPROVEN in json.loads(out)["extractors"][0]
    return found


def sounds(folder: Path, side: str) -> None:
    (folder / side).mkdir(exist_ok=True)
    for k in range(2):
        values = draw(f"cross.{side}{k}", (48_000 * 3,)) * 0.1 * np.sin(np.arange(144_000) / (3000 + 900 * k))
        soundfile.write(folder / side / f"{k}.wav", values, 48_000)


def test_imagebind_from_the_command_line(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Sounds against the pictures of the true videos; each tower is read once; features are kept."""
    monkeypatch.setattr(imagebind, "sound_tower", SOUND)
    monkeypatch.setattr(imagebind, "picture_tower", SIGHT)
    torch.save(imagebind_state(), place("imagebind_huge"))
    sounds(home, "made")
    sounds(home, "real")
    for k in range(2):
        picture, sound = home / f"{k}.mp4", home / "real" / f"{k}.wav"
        write_video(picture, lambda frame, k=k: moving(frame * (k + 1)), 75)
        media.mux(
            picture, soundfile.read(sound, dtype="float32")[0][None], 48_000, home / "real" / f"{k}.mp4"
        )
        sound.unlink()
    found = score(capsys, home, "IB")
    assert found["unit"] == "cosine" and found["dimension"] == 32 and found["items"] == [2, 2]
    expected = []
    for k in range(2):
        seen = imagebind.watch(home / "real" / f"{k}.mp4", 3.0)
        heard = EXTRACTORS["imagebind"].build()(extractors_wave(home / "made" / f"{k}.wav", 16_000))["sound"]
        expected.append(float(torch.cosine_similarity(seen, heard, dim=0)))
    assert found["value"] == pytest.approx(np.mean(expected), abs=1e-5)
    assert imagebind.tower.cache_info().misses == 2
    assert score(capsys, home, "imagebind")["value"] == pytest.approx(found["value"], abs=1e-6)


def extractors_wave(path: Path, rate: int) -> Tensor:
    from soundvcm.evaluation.preparing import Length, prepare

    return prepare(path, rate, Length(3.0)).wave


def test_clap_from_the_command_line(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Captions beside the true sounds; a public file with numbers of numpy in it is read; new words count."""
    pytest.importorskip("transformers")
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    words = {"<s>": 0, "<pad>": 1, "</s>": 2, "rain": 17, "on": 45, "tin": 99, "<unk>": 3}
    tokenizer = Tokenizer(models.WordLevel(words, "<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    tokenizer.save(str(place("roberta_tokenizer")))
    state = {f"module.{name}": value for name, value in clap_state().items()}
    torch.save(
        {"epoch": np.int64(15), "loss": np.float64(0.5), "state_dict": state}, place("clap_htsat_base")
    )
    sounds(home, "real")
    sounds(home, "made")
    for k, caption in enumerate(("rain on tin", "rain")):
        (home / "real" / f"{k}.txt").write_text(caption + "\n")
    found = score(capsys, home, "CLAP")
    assert found["dimension"] == 32 and found["items"] == [2, 2]
    meant = [clap.read(caption) for caption in ("rain on tin", "rain")]
    assert error(meant[0], golden("clap")["words"]) < 1e-5  # tokens 0 17 45 99 2
    heard = [clap.listen(extractors_wave(home / "made" / f"{k}.wav", 48_000)) for k in range(2)]
    expected = np.mean([float(a @ b) for a, b in zip(meant, heard, strict=True)])
    assert found["value"] == pytest.approx(expected, abs=1e-5)
    (home / "real" / "1.txt").write_text("tin")  # same sound, other words: not taken from what was kept
    assert score(capsys, home, "CLAP")["value"] != pytest.approx(found["value"], abs=1e-7)
    (home / "real" / "1.txt").unlink()
    with pytest.raises(SystemExit) as caught:
        cli.main(["evaluate", str(home / "real"), str(home / "made"), "--seconds", "3", "--scores", "CLAP"])
    assert caught.value.code == 2 and "CLAP, 1: no caption: put it in a .txt" in capsys.readouterr().err


def test_what_is_missing_is_one_line(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, asked in (("imagebind", "IB"), ("clap", "CLAP"), ("clap630k", "CLAP_630k")):
        assert UNPROVEN in EXTRACTORS[name].about and DEFINITIONS[asked].extractor == name
    monkeypatch.setattr(extractors.importlib.util, "find_spec", lambda package: None)
    with pytest.raises(MissingExtraError, match="CLAP"):
        require("clap", "CLAP")
    with pytest.raises(WeightsError, match="^IB: weights file"):
        require("imagebind", "IB")  # needs no package
    each = DEFINITIONS["IB"].each
    assert each is not None
    nothing = torch.zeros(0)
    with pytest.raises(InputError, match="no pictures on either side"):
        each({"sight": nothing}, {"sight": nothing, "sound": torch.ones(3)})


def test_captions_beside_files(tmp_path: Path) -> None:
    assert clap.caption(tmp_path / "a.wav") == ""
    (tmp_path / "a.txt").write_text(" a dog \n")
    assert clap.caption(tmp_path / "a.wav") == "a dog"
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="cannot be read as text"):
        clap.caption(tmp_path / "a.wav")


def test_aisfx_is_asked_for_by_its_own_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in with the package's names: scaled once, blocks of 100 frames, a file with the whole sound."""
    monkeypatch.setattr(extractors.importlib.util, "find_spec", lambda package: None)
    with pytest.raises(OptionError, match="--no-deps"):
        require("aisfx", "FD_aiSFX")
    asked: dict[str, object] = {}

    def spectra(path: str, **numbers: object) -> np.ndarray:
        asked.update(numbers, samples=soundfile.info(path).frames)
        return np.ones((345, 96), dtype="f4")

    package = SimpleNamespace(
        SAMPLE_RATE=44100.0, SPEC_BLOCK_LENGTH=2048, SPEC_HOP_LENGTH=1024,
        F_MIN=0.0, F_MAX=22050.0, MEL_BINS=96,
        load_weights=lambda device: ({}, {}),
        load_bestModel=lambda values, classes, device: "network",
        spectrogram_selector=lambda kind: spectra if kind == "essentia" else None,
        spectrogram_normalize=lambda found, kind: found / 2,
        model_get_embedding=lambda found, hop, *_: torch.full((5, 512), float(found.mean() * hop)),
    )  # fmt: skip
    monkeypatch.setattr(aisfx.importlib, "import_module", lambda name: package)
    aisfx._model.cache_clear()
    rows = EXTRACTORS["aisfx"].build()(torch.zeros(352_800))["rows"]
    aisfx._model.cache_clear()
    assert rows.shape == (5, 512) and float(rows[0, 0]) == 0.25
    assert asked["samples"] == 352_800 and asked["block_size"] == 2048 and asked["n_mels"] == 96
    with pytest.raises(InputError, match="aiSFX takes at least 2"):
        aisfx.listen(torch.zeros(44_100))
    assert UNPROVEN in EXTRACTORS["aisfx"].about
