"""The paper's stack by name, from files in a folder to a wave: small sizes, weights made by rule."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from golden_rules import relative_error
from paper_stack import CODECS, Words, by_rule, install, reference_state, small_size
from standins import write_clip

from soundvcm import weights
from soundvcm.codec.paper import PaperCodec
from soundvcm.codec.vae import MelVae
from soundvcm.codec.vocoder import Vocoder
from soundvcm.encoders import ClipPictureEncoder, ClipTextEncoder, SynchformerEncoder
from soundvcm.encoders.clip import ClipConfig, PictureTower, TextTower
from soundvcm.encoders.synchformer import SyncTower
from soundvcm.errors import OptionError, WeightsError
from soundvcm.generate.options import GenerateOptions
from soundvcm.generate.pipeline import Pipeline
from soundvcm.network import VelocityNetwork
from soundvcm.systems import loading, mmaudio

SAMPLES = {16_000: 10_880, 44_100: 29_988}  # of 0.68 s, 17 pictures


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clips") / "grey.mp4", 17)


@pytest.fixture
def words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Words:
    return install(monkeypatch, tmp_path / "home")


@pytest.fixture
def system(words: Words) -> Pipeline:
    return loading.load("mmaudio_small_16k", device="cpu")


def latents(pipeline: Pipeline, clip: Path, options: GenerateOptions, seed: int = 3) -> torch.Tensor:
    """What the codec would be given."""
    features = pipeline.encode_clip(clip)
    with torch.inference_mode():
        conditions = pipeline.conditions(features, options.prompt)
        return pipeline.latents(features, conditions, options, seed)


def counted(monkeypatch: pytest.MonkeyPatch, name: str) -> list[int]:
    """Grows by the batch of each call of a method of the network."""
    rows: list[int] = []
    original = getattr(VelocityNetwork, name)

    def counting(self: VelocityNetwork, first: object, *given: object) -> object:
        rows.append(first.shape[0] if isinstance(first, torch.Tensor) else first.batch)  # type: ignore[attr-defined]
        return original(self, first, *given)

    monkeypatch.setattr(VelocityNetwork, name, counting)
    return rows


@pytest.mark.parametrize(("mode", "rate", "latents"), [("16k", 16_000, 22), ("44k", 44_100, 30)])
def test_lengths_are_exact(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, clip: Path, mode: str, rate: int, latents: int
) -> None:
    """0.68 s at 25 pictures a second: 10,880 and 29,988 samples, one sync segment, 5 pictures."""
    install(monkeypatch, tmp_path, mode)
    pipeline = loading.load(f"mmaudio_small_{mode}", device="cpu")
    features = pipeline.encode_clip(clip)
    assert features.timeline.latents == latents and features.timeline.samples == SAMPLES[rate]
    assert features.sync is not None and features.sync.shape == (8, 768)
    assert features.semantic is not None and features.semantic.shape == (5, 1024)
    sound = pipeline.take(features, GenerateOptions(prompt="rain", num_steps=2), seed=7)
    assert sound.sample_rate == rate and sound.wave.shape == (1, SAMPLES[rate])
    assert sound.settings["model"] == f"mmaudio_small_{mode}"
    assert 0 < float(np.abs(sound.wave).max()) <= 1
    alone = pipeline.generate(prompt="rain", duration="0.68", num_steps=2, seed=7)
    assert alone.wave.shape == sound.wave.shape and not np.array_equal(alone.wave, sound.wave)
    assert loading.timeline_of(f"mmaudio_small_{mode}").latent_hop == features.timeline.latent_hop


def test_the_reference_has_its_users_knobs(system: Pipeline, clip: Path) -> None:
    """25 steps, guidance 4.5, a negative prompt (as MMAudio, case 27)."""
    found = vars(system.sampling)
    assert found.pop("temperature") == 1.0
    assert found == {"kind": "flow", "steps": 25, "guidance": 4.5, "negative_prompt": True}
    take = {
        name: latents(system, clip, GenerateOptions(prompt="rain", num_steps=3, **knobs))  # type: ignore[arg-type]
        for name, knobs in {
            "default": {},
            "4.5": {"cfg_strength": 4.5},
            "7": {"cfg_strength": 7.0},
            "negative": {"negative_prompt": "speech, music"},
            "blank": {"negative_prompt": "  "},
        }.items()
    }
    assert (
        system.calls(GenerateOptions()) == 50
        and system.calls(GenerateOptions(num_steps=3, cfg_strength=1.0)) == 3
    )
    for same in ("4.5", "blank"):
        assert torch.equal(take[same], take["default"]), same
    for other in ("7", "negative"):
        assert not torch.equal(take[other], take["default"]), other


def test_scale_one_is_no_guidance_to_the_bit(system: Pipeline, clip: Path) -> None:
    """Nothing of the absent side is computed, and the states are those of a plain integration."""
    one = latents(system, clip, GenerateOptions(prompt="rain", num_steps=3, cfg_strength=1.0))
    with torch.inference_mode():
        conditions = system.conditions(system.encode_clip(clip), "rain")
        x = torch.randn((22, 20), generator=torch.Generator().manual_seed(3))[None]
        for k in (3, 2, 1):
            t = torch.tensor([k / 3])
            x = x - (k / 3 - (k - 1) / 3) * system.network(x, t, t, conditions)
        assert torch.equal(one, system.network.unstandardise(x))


def test_refused_knobs(system: Pipeline) -> None:
    with pytest.raises(OptionError, match="negative_prompt"):
        system.check(GenerateOptions(prompt="rain", negative_prompt="speech", cfg_strength=1.0))
    for scale in (-1.0, float("nan"), float("inf")):
        with pytest.raises(OptionError, match="cfg_strength"):
            system.check(GenerateOptions(prompt="rain", cfg_strength=scale))


def test_steps_cost_calls_and_conditions_are_encoded_once(
    system: Pipeline, words: Words, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guided: one batch of two a step, two encodings a take; unguided: one of each."""
    passes, encodings = counted(monkeypatch, "forward"), counted(monkeypatch, "encode")
    latents(system, clip, GenerateOptions(prompt="rain", num_steps=5, negative_prompt="speech"))
    assert passes == [2] * 5 and encodings == [1, 1] and words.encoded == ["rain", "speech"]
    passes.clear(), encodings.clear(), words.encoded.clear()
    latents(system, clip, GenerateOptions(prompt="", num_steps=5, cfg_strength=1.0))
    assert passes == [1] * 5 and encodings == [1] and words.encoded == []


@pytest.mark.parametrize("pictures", [1, 3, 13])
def test_clips_shorter_than_a_segment(system: Pipeline, tmp_path: Path, pictures: int) -> None:
    """Case 09: the last picture fills one segment, it is said once, the length is exact."""
    path = write_clip(tmp_path / "short.mp4", pictures)
    features = system.encode_clip(path)
    if pictures > 1:
        assert features.sync is not None and features.sync.shape == (8, 768)
    sound = system.take(features, GenerateOptions(num_steps=1), seed=1)
    assert sound.wave.shape == (1, pictures * 640)
    said = [line for line in sound.warnings if "last picture is repeated" in line]
    assert len(said) == (features.sync is not None)


def test_a_blank_prompt_is_the_files_empty_string(system: Pipeline, clip: Path) -> None:
    expected = reference_state("16k")["empty_string_feat"]
    assert torch.equal(system.network.conditions.empty_text, expected)
    blank = latents(system, clip, GenerateOptions(prompt="", num_steps=1))
    with torch.no_grad():
        system.network.conditions.empty_text.add_(1.0)
    assert not torch.equal(blank, latents(system, clip, GenerateOptions(prompt="", num_steps=1)))


def test_bfloat16_keeps_statistics_and_noise(words: Words, clip: Path) -> None:
    full = loading.load("mmaudio_small_16k", device="cpu")
    half = loading.load("mmaudio_small_16k", device="cpu", dtype="bfloat16")
    assert half.network.final.conv.weight.dtype == torch.bfloat16
    for name in ("latent_mean", "latent_std"):
        assert torch.equal(getattr(half.network, name), getattr(full.network, name)), name
    rows = [latents(one, clip, GenerateOptions(prompt="rain", num_steps=4)) for one in (full, half)]
    assert rows[1].dtype == torch.float32
    assert relative_error(rows[1], rows[0]) < 0.05


def test_features_are_kept_between_runs(words: Words, clip: Path) -> None:
    """CLIP and Synchformer take minutes: another process finds what this one encoded."""
    first = loading.load("mmaudio_small_16k", device="cpu")
    first.encode_clip(clip)
    second = loading.load("mmaudio_small_16k", device="cpu")
    for encoder in (second.semantic, second.sync):
        encoder.encode = lambda frames: pytest.fail("encoded again")  # type: ignore[method-assign]
    assert torch.equal(second.encode_clip(clip).sync, first.encode_clip(clip).sync)


def test_a_second_take_costs_one_network_pass(
    words: Words, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another prompt in another process: no picture or segment is encoded again, one network call."""
    path = tmp_path / "mine.safetensors"
    save_trained(path)
    loading.load(str(path), device="cpu").generate(clip, prompt="rain", seed=3)
    later = loading.load(str(path), device="cpu")
    for encoder in (later.semantic, later.sync):
        encoder.encode = lambda frames: pytest.fail("encoded again")  # type: ignore[method-assign]
    passes, encodings = counted(monkeypatch, "forward"), counted(monkeypatch, "encode")
    sound = later.generate(clip, prompt="a dog barks", seed=4)
    assert passes == [1] and encodings == [1] and sound.calls == 1
    assert words.encoded == ["rain", "a dog barks"]
    later.generate(clip, prompt="a dog barks", seed=4, num_steps=4)
    assert passes == [1] * 5 and encodings == [1, 1]


def test_what_spares_encoding_reaches_the_encoders_and_is_refused_where_it_says_nothing(
    words: Words, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[tuple[float, int]] = []
    plain = mmaudio.encoders

    def encoders(device: torch.device, dtype: torch.dtype, near: float = 0.0, stride: int = 1) -> object:
        asked.append((near, stride))
        return plain(device, dtype, near, stride)

    monkeypatch.setattr(mmaudio, "encoders", encoders)
    path, own = tmp_path / "mine.safetensors", tmp_path / "own.pth"
    save_trained(path)
    torch.save(reference_state("16k"), own)
    for name in ("mmaudio_small_16k", str(path), str(own)):
        loading.load(name, device="cpu")
        loading.load(name, device="cpu", frame_reuse_threshold=2.0, feature_stride=4)
    assert asked == [(0.0, 1), (2.0, 4)] * 3
    with pytest.raises(OptionError, match="frame_reuse_threshold"):
        loading.load("tiny", device="cpu", frame_reuse_threshold=2.0)
    with pytest.raises(OptionError, match="feature_stride"):
        loading.load("tiny", device="cpu", feature_stride=2)
    with pytest.raises(OptionError, match="feature_stride"):
        loading.load("mmaudio_small_16k", device="cpu", feature_stride=0)


def test_the_codec_decodes_in_bfloat16_on_request(words: Words) -> None:
    asked = {"prompt": "rain", "duration": 2, "seed": 1, "num_steps": 1}
    plain = loading.load("mmaudio_small_16k", device="cpu").generate(**asked)
    narrow = loading.load("mmaudio_small_16k", device="cpu", codec_dtype="bfloat16").generate(**asked)
    assert narrow.wave.dtype == plain.wave.dtype and narrow.wave.shape == plain.wave.shape
    assert not np.array_equal(narrow.wave, plain.wave)
    assert np.linalg.norm(narrow.wave - plain.wave) < 0.2 * np.linalg.norm(plain.wave)
    for name, form in (("tiny", "bfloat16"), ("mmaudio_small_16k", "float16")):
        with pytest.raises(OptionError, match="codec_dtype"):
            loading.load(name, device="cpu", codec_dtype=form)


def test_the_small_vocoder_is_chosen_by_name_and_needs_no_file_of_bigvgan(words: Words) -> None:
    asked = {"prompt": "rain", "duration": 2, "seed": 1, "num_steps": 1}
    plain = loading.load("mmaudio_small_16k", device="cpu").generate(**asked)
    (weights.weights_folder() / weights.part("bigvgan_16k").file).unlink()
    with pytest.raises(WeightsError, match="bigvgan_16k"):
        loading.load("mmaudio_small_16k", device="cpu")
    small = loading.load("mmaudio_small_16k", device="cpu", vocoder="small").generate(**asked)
    assert small.wave.shape == plain.wave.shape and np.isfinite(small.wave).all()
    assert not np.array_equal(small.wave, plain.wave)
    for name, vocoder in (("tiny", "small"), ("mmaudio_small_16k", "smal")):
        with pytest.raises(OptionError, match="vocoder"):
            loading.load(name, device="cpu", vocoder=vocoder)


def test_missing_files_are_named_in_order(words: Words) -> None:
    folder = weights.weights_folder()
    for name in ("clip_vith14_378", "synchformer", "bigvgan_16k", "vae_16k", "mmaudio_small_16k"):
        row = weights.part(name)
        (folder / row.file).unlink()
        with pytest.raises(WeightsError, match=f"{row.file}.*soundvcm weights fetch {name}"):
            loading.load("mmaudio_small_16k", device="cpu")


def test_missing_files_are_said_before_torch_is_loaded(tmp_path: Path) -> None:
    """Exit code 2, one line, none of the heavy packages imported."""
    code = (
        "import sys\nfrom soundvcm.cli.main import main\ntry:\n    main(sys.argv[1:])\nfinally:\n"
        "    print([m for m in ('torch', 'av', 'numpy') if m in sys.modules])"
    )
    for model in ("mmaudio_large_44k_v2", "small_16k", "mmaudio_small_16", "no.safetensors"):
        words = ["generate", "--model", model, "--prompt", "rain", "--duration", "1"]
        began = time.process_time()
        done = subprocess.run(
            [sys.executable, "-c", code, *words],
            capture_output=True,
            text=True,
            env={"SOUNDVCM_HOME": str(tmp_path), "PATH": "", "HOME": str(tmp_path)},
            check=False,
        )
        assert done.returncode == 2 and done.stdout.strip() == "[]", done.stderr
        assert done.stderr.count("\n") == 1 and model in done.stderr
        assert time.process_time() - began < 1


def test_what_is_non_commercial_is_said_once(words: Words, caplog: pytest.LogCaptureFixture) -> None:
    weights.files._log_once.cache_clear()
    for _ in range(2):
        loading.load("mmaudio_small_16k", device="cpu")
    said = [record.message for record in caplog.records if "non-commercial" in record.message]
    assert len(said) == len(set(said)) == 3 and "mmaudio_small_16k is non-commercial" in said[0]


def save_trained(path: Path, mode: str = "16k", **changes: object) -> VelocityNetwork:
    """A two-time network of the stack's widths as training exports it."""
    config = small_size(mode).change({"second_time": "offset", "mirrored": False, **changes})
    network = VelocityNetwork(config)
    network.load_state_dict(by_rule(network))
    weights.save(path, network.state_dict(), {"licence": "MIT", "config": config.model_dump_json()})
    return network


def test_a_trained_network_by_path_and_by_name(words: Words, clip: Path, tmp_path: Path) -> None:
    """One call of the mean velocity; no outside knobs."""
    path = tmp_path / "mine.safetensors"
    save_trained(path)
    pipeline = loading.load(str(path), device="cpu")
    sound = pipeline.generate(clip, prompt="rain", seed=3)
    assert sound.calls == 1 and sound.wave.shape == (1, 10_880) and sound.settings["model"] == "mine"
    with pytest.raises(OptionError, match="guidance is trained into mine"):
        pipeline.generate(clip, cfg_strength=4.5)
    with pytest.raises(WeightsError, match="small_16k"):
        loading.load("small_16k", device="cpu")
    path.rename(weights.weights_folder() / "small_16k.safetensors")
    named = loading.load("small_16k", device="cpu").generate(clip, prompt="rain", seed=3)
    assert np.array_equal(named.wave, sound.wave) and named.settings["model"] == "small_16k"


def test_a_reference_checkpoint_by_path(words: Words, system: Pipeline, clip: Path, tmp_path: Path) -> None:
    """A checkpoint of one's own MMAudio training: its size is read off its shapes."""
    path = tmp_path / "own.pth"
    torch.save({"weights": reference_state("16k")}, path)
    own = loading.load(str(path), device="cpu")
    ask = GenerateOptions(prompt="rain", num_steps=2)
    assert torch.equal(latents(own, clip, ask), latents(system, clip, ask))


def test_an_adopted_network_sounds_as_the_reference(
    words: Words, system: Pipeline, clip: Path, tmp_path: Path
) -> None:
    path = tmp_path / "start.safetensors"
    facts = mmaudio.adopt_file("mmaudio_small_16k", path)
    assert facts["licence"] == "CC-BY-NC-4.0" and "mmaudio_small_16k" in facts["origin"]
    adopted = loading.load(str(path), device="cpu")
    assert adopted.network.config.two_time and adopted.network.config.mirrored
    for ask in (GenerateOptions(prompt="rain", num_steps=3), GenerateOptions(num_steps=2, cfg_strength=1.0)):
        wanted, found = latents(system, clip, ask), latents(adopted, clip, ask)
        assert relative_error(found, wanted) < 1e-5 and adopted.calls(ask) == system.calls(ask)


def test_networks_of_no_stack_are_refused(words: Words, tmp_path: Path) -> None:
    path = tmp_path / "odd.safetensors"
    save_trained(path, latent_dim=24)
    with pytest.raises(WeightsError, match="24 latent"):
        loading.load(str(path), device="cpu")
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"\x10\0\0\0\0\0\0\0{not json at all")
    with pytest.raises(WeightsError, match="broken.safetensors is damaged"):
        loading.load(str(broken), device="cpu")
    without = tmp_path / "nan.pth"
    torch.save(reference_state("16k") | {"latent_mean": torch.full((1, 1, 20), float("nan"))}, without)
    with pytest.raises(WeightsError, match="latent_mean"):
        loading.load(str(without), device="cpu")


def test_the_real_encoder_classes_fit_together(clip: Path) -> None:
    """CLIP's and Synchformer's own classes, one block each, with VAE, vocoder and network: no stand-in."""
    sizes = ClipConfig(
        width=32, layers=1, heads=2, picture=32, grid=2, dim=24, text_width=16, text_layers=1, text_heads=2
    )
    picture, text, tower = PictureTower(sizes), TextTower(sizes), SyncTower(width=24, heads=2, layers=1)
    mel, vae, vocoder = CODECS["16k"]
    parts = MelVae(vae), Vocoder(vocoder)
    for module in (picture, text, tower, *parts):
        module.load_state_dict(by_rule(module))
    config = small_size("16k").change({"semantic_dim": 24, "sync_dim": 24, "text_dim": 16})
    network = VelocityNetwork(config)
    network.load_state_dict(by_rule(network))
    pipeline = mmaudio.assembled(
        "whole",
        network.eval(),
        PaperCodec(mel, *parts),
        ClipPictureEncoder(picture.eval(), sizes),
        SynchformerEncoder(tower.eval()),
        ClipTextEncoder(text.eval()),
        sampling=mmaudio.REFERENCE_SAMPLING,
    )
    sound = pipeline.generate(clip, prompt="rain on a tin roof", num_steps=2, seed=3)
    assert sound.wave.shape == (1, 10_880) and 0 < float(np.abs(sound.wave).max()) <= 1
    asks = (
        GenerateOptions(prompt="rain on a tin roof", num_steps=1),
        GenerateOptions(prompt="a dog barks", num_steps=1),
    )
    assert not torch.equal(latents(pipeline, clip, asks[0]), latents(pipeline, clip, asks[1]))
