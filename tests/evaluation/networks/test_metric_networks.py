"""VGGish, PANNs Cnn14 and PaSST against the packages that define them, on rule-made weights and waves.

The numbers in data/*.npz come from torchvggish 0.2 (last ReLU off, as the field's protocol has it),
panns-inference 0.1.1 and hear21passt 0.0.26. The public weights were never here.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from clips import moving, write_video
from golden_rules import draw, weight
from torch import Tensor, nn

from soundvcm import weights
from soundvcm.encoders import Synchformer, load_synchformer
from soundvcm.errors import InputError, WeightsError
from soundvcm.evaluation.definitions import DEFINITIONS
from soundvcm.evaluation.extractors import EXTRACTORS, UNPROVEN, require
from soundvcm.evaluation.networks import desync, filters, panns, passt, vggish

DATA = Path(__file__).parent / "data"
CONSTANTS = {name: torch.zeros(1) for name in panns.CONSTANTS}


def wave(rate: int, seconds: float) -> Tensor:
    count = int(rate * seconds)
    t = np.arange(count) / rate
    noise = draw(f"metric.wave{rate}", (count,))
    return torch.from_numpy((0.3 * np.sin(2 * np.pi * (100 * t + 300 * t * t)) + 0.05 * noise).astype("f4"))


def ruled(network: nn.Module) -> dict[str, Tensor]:
    """A state dict by the golden rule; variances are positive."""
    found = {}
    for key, value in network.state_dict().items():
        shape = tuple(value.shape)
        if key.endswith("num_batches_tracked"):
            found[key] = torch.zeros((), dtype=torch.long)
        elif key.endswith("running_var"):
            found[key] = torch.from_numpy((1 + 0.05 * draw(key, shape)).astype("f4"))
        else:
            found[key] = torch.from_numpy(weight(key, shape))
    return found


def golden(name: str) -> dict[str, Tensor]:
    with np.load(DATA / f"{name}.npz") as file:
        return {key: torch.from_numpy(file[key]) for key in file.files}


def assert_close(found: Tensor, expected: Tensor, limit: float) -> None:
    assert found.shape == expected.shape
    error = float((found - expected).norm() / expected.norm())
    assert error < limit, f"relative error {error:.1e}"


def test_front_ends_are_those_the_networks_were_trained_with() -> None:
    assert_close(vggish.patches(wave(16_000, 2.2)), golden("vggish")["patches"], 1e-5)
    assert_close(panns.frames(wave(16_000, 2.2)), golden("panns")["frames"], 1e-5)
    stored = golden("passt")
    frames = passt.frames(passt.filled(wave(32_000, 3.0)))
    assert list(frames.shape) == stored["frames_shape"].tolist() == [128, 1000]
    assert_close(frames[:, :320], stored["frames"], 1e-5)


def test_passt_is_the_published_network() -> None:
    stored = golden("passt")
    network = passt.Passt(width=48, depth=2, heads=3).eval()
    network.load_state_dict(ruled(network))
    embedding, logits = passt.listen(network, wave(32_000, 3.0))
    assert_close(embedding, stored["embedding"], 1e-5)
    assert_close(logits, stored["logits"], 1e-5)


@pytest.mark.slow
def test_vggish_is_the_published_network_before_its_last_activation() -> None:
    with torch.device("meta"):
        shapes = vggish.Vggish()
    state = ruled(shapes) | {"pproc.pca_eigen_vectors": torch.zeros(2, 2), "pproc.pca_means": torch.zeros(2)}
    found = vggish.embeddings(vggish.load_vggish(state), wave(16_000, 2.2))
    assert_close(found, golden("vggish")["embedding"], 1e-5)
    assert bool((found < 0).any()) and found.shape == (2, 128)


@pytest.mark.slow
def test_cnn14_is_the_published_network() -> None:
    with torch.device("meta"):
        shapes = panns.Cnn14()
    embedding, logits = panns.listen(panns.load_cnn14(ruled(shapes) | CONSTANTS), wave(16_000, 2.2))
    stored = golden("panns")
    assert_close(embedding, stored["embedding"], 1e-4)
    assert_close(logits, stored["logits"], 1e-4)
    assert_close(logits.sigmoid(), stored["clipwise"], 1e-5)


def test_sizes_of_the_public_files() -> None:
    with torch.device("meta"):
        counts = [
            sum(p.numel() for p in n.parameters()) for n in (vggish.Vggish(), panns.Cnn14(), passt.Passt())
        ]
    # torchvggish 72.1 M; Cnn14 80.75 M as Kong et al. print; PaSST 86 M and its heads
    assert [round(count / 1e6, 1) for count in counts] == [72.1, 80.8, 86.2]


def test_eight_windows_for_eight_seconds() -> None:
    assert vggish.patches(torch.zeros(128_000)).shape == (8, 96, 64)
    assert panns.frames(torch.zeros(128_000)).shape == (801, 64)


@pytest.mark.parametrize(
    ("hear", "rate", "least"),
    [(vggish.patches, 16_000, 15_600), (panns.frames, 16_000, 4_960), (passt.frames, 32_000, 5_440)],
)
def test_what_cannot_be_heard_is_refused(hear, rate: int, least: int) -> None:
    assert torch.isfinite(hear(torch.zeros(least))).all()
    with pytest.raises(InputError, match="takes at least"):
        hear(torch.zeros(least - 1))
    with pytest.raises(InputError, match=f"{rate} Hz"):
        hear(torch.full((rate,), float("nan")))
    with pytest.raises(InputError, match="one finite mono wave"):
        hear(torch.zeros(2, rate))


def test_passt_hears_ten_seconds() -> None:
    with pytest.raises(InputError, match=r"10 s.* 10\.5"):
        passt.filled(torch.zeros(336_000))
    assert passt.filled(torch.ones(32_000)).sum() == 32_000


def test_filters_have_the_shapes_their_makers_gave_them() -> None:
    for bank in (
        filters.htk_triangles(64, 512, 16_000, 125, 7500),
        filters.slaney_triangles(64, 512, 16_000, 50, 8000),
        filters.kaldi_triangles(128, 1024, 32_000, 0, 15_000),
    ):
        assert bool((bank >= 0).all()) and bank[:, 0].sum() == 0
        peaks = bank.argmax(1)
        assert bool((peaks.diff() >= 0).all())
    wide = filters.slaney_triangles(40, 16_384, 16_000, 50, 8000)
    areas = wide.sum(1) * 16_000 / 16_384
    assert torch.allclose(areas, torch.ones_like(areas), atol=2e-2)  # equal areas
    assert float(filters.htk_triangles(20, 16_384, 16_000, 125, 7500).amax(1).min()) > 0.98  # equal heights


def test_missing_weights_are_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SOUNDVCM_HOME", str(tmp_path))
    for name, score in (
        ("vggish", "FD_VGG"),
        ("panns", "KL_PANNs"),
        ("passt", "IS_PaSST"),
        ("synchformer", "DeSync"),
    ):
        with pytest.raises(WeightsError, match=f"^{score}: .*soundvcm weights fetch") as caught:
            require(name, score)
        assert "\n" not in str(caught.value)
        assert UNPROVEN in EXTRACTORS[name].about


def test_another_file_is_refused_by_its_shapes() -> None:
    for load in (vggish.load_vggish, panns.load_cnn14, passt.load_passt):
        with pytest.raises(WeightsError, match="does not fit"):
            load({"features.0.weight": torch.zeros(3)})


def test_extractors_give_what_the_scores_need(monkeypatch: pytest.MonkeyPatch) -> None:
    small = passt.Passt(width=48, depth=1, heads=3).eval()
    monkeypatch.setattr(passt, "load_passt", lambda: small)
    found = EXTRACTORS["passt"].build()(torch.zeros(256_000))
    assert found["rows"].shape == (48,) and found["logits"].shape == (527,)
    monkeypatch.setattr(vggish, "load_vggish", lambda: lambda patches: patches[:, 0, :2])
    assert EXTRACTORS["vggish"].build()(torch.zeros(128_000))["rows"].shape == (8, 2)
    monkeypatch.setattr(panns, "load_cnn14", lambda: lambda frames: (frames.mean(1), frames[:, 0]))
    found = EXTRACTORS["panns"].build()(torch.zeros(128_000))
    assert found["rows"].shape == (64,) and found["logits"].shape == (64,)


def test_identity_follows_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SOUNDVCM_HOME", str(tmp_path))
    file = weights.weights_folder() / weights.part("vggish").file
    file.parent.mkdir(parents=True)
    file.write_bytes(b"one")
    before = EXTRACTORS["vggish"].identity()
    file.write_bytes(b"two")
    assert EXTRACTORS["vggish"].identity() != before
    assert require("vggish", "FD_VGG") is EXTRACTORS["vggish"]


def test_synchformer_hears_segments_of_a_mel_spectrogram() -> None:
    found = desync.spectra(wave(16_000, 8.0))
    assert found.shape == (24, 128, 66)
    assert torch.allclose(found[..., 65], torch.tensor(4.2677393 / (2 * 4.5689974)))  # filled with log 1
    tone = torch.sin(torch.arange(16_000) * 2 * np.pi * 1000 / 16_000)
    middle = desync.spectra(tone)[0, :, 30]
    # 1 kHz is 1000 mel of 2840: band 44 of 128 (edges 0 .. 129)
    assert int(middle.argmax()) in (44, 45)
    # a full-scale tone: window sum 200, so power (0.5 * 200)^2 at its bin, spread over the triangle's flanks
    power = float((middle.max() * 2 * 4.5689974 - 4.2677393).exp())
    assert 0.5e4 < power < 4e4
    silent = desync.spectra(torch.zeros(10_240))
    assert torch.allclose(silent[..., :65], (torch.tensor(1e-6).log() + 4.2677393) / (2 * 4.5689974))


def test_desync_looks_at_the_first_and_last_fourteen_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    class Head:
        @staticmethod
        def offset_logits(visual: Tensor, audio: Tensor) -> Tensor:
            assert visual.shape == (2, 14, 8, 3) and audio.shape == (2, 14, 6, 3)
            assert torch.equal(visual[:, :, 0, 0], audio[:, :, 0, 0])  # the same segments of both
            return torch.stack([torch.eye(21)[10 + int(row[0, 0, 0]) % 11] for row in visual])

    monkeypatch.setattr(desync, "network", Head)
    numbers = torch.arange(24.0).view(24, 1, 1)
    visual, audio = numbers.expand(24, 8, 3), numbers.expand(24, 6, 3)
    first, last = desync.offsets(visual, audio)
    assert int(first.argmax()) == 10 and int(last.argmax()) == 20
    each = DEFINITIONS["DeSync"].each
    assert each is not None
    nothing = torch.zeros(0, 8, 1)
    assert each({"visual": visual}, {"audio": audio, "visual": nothing}) == pytest.approx(1.0)  # (0 + 2) / 2
    assert each({"visual": nothing}, {"audio": audio, "visual": visual}) == pytest.approx(1.0)
    with pytest.raises(InputError, match="needs 14 segments"):
        each({"visual": nothing}, {"audio": audio, "visual": nothing})


@pytest.mark.slow
def test_desync_on_files_with_the_whole_network_on_rule_made_weights(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with torch.device("meta"):
        shapes = Synchformer()
    whole = load_synchformer(ruled(shapes), "rule-made")
    monkeypatch.setattr(desync, "network", lambda: whole)
    write_video(tmp_path / "a.mp4", lambda k: moving(0), 125)  # one picture: encoded once
    truth, made = desync.watch(tmp_path / "a.mp4", 5.0), desync.listen(wave(16_000, 5.0))
    assert truth.shape == (14, 8, 768) and made.shape == (14, 6, 768)
    first, last = desync.offsets(truth, made)
    assert torch.equal(first, last) and first.shape == (21,) and bool(torch.isfinite(first).all())
