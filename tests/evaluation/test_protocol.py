"""Folders against folders: pairing, preparation (case 43), cache, what is refused, what is counted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sound_folders import bursts, chirp, folders, save

from soundvcm.errors import InputError, MediaError, OptionError, WeightsError
from soundvcm.evaluation import extractors, protocol
from soundvcm.evaluation.extractors import EXTRACTORS, require
from soundvcm.evaluation.preparing import Length, is_short, pair, prepare, sounds_in
from soundvcm.evaluation.protocol import Settings, evaluate
from soundvcm.evaluation.reading import FeatureCache

SHORT = Settings(Length(2.0), resamples=0)
RATES = (16_000, 32_000, 44_100, 48_000)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("to_rate", [16_000, 32_000])
def test_every_rate_and_channel_count_is_heard_alike(tmp_path: Path, channels: int, to_rate: int) -> None:
    """Case 43: the same sound at 16, 32, 44.1 and 48 kHz, mono and stereo, gives the same embeddings."""
    waves = []
    for rate in RATES:
        path = save(tmp_path / f"{rate}.wav", chirp(rate, 8, channels), rate)
        found = prepare(path, to_rate, Length(8.0))
        assert found.wave.shape == (8 * to_rate,) and found.seconds == 8
        assert abs(float(found.wave.mean())) < 1e-6
        waves.append(found.wave)
    for wave in waves[1:]:
        assert torch.cosine_similarity(waves[0], wave, dim=0) > 0.999
    if to_rate == 16_000 and channels == 2:
        extract = EXTRACTORS["yamnet"].build()
        heard = [extract(wave)["rows"].mean(0) for wave in waves]
        for other in heard[1:]:
            assert torch.cosine_similarity(heard[0], other, dim=0) > 0.99


def test_longer_files_are_cut_and_shorter_ones_filled_or_refused(tmp_path: Path) -> None:
    eight, ten, four = (save(tmp_path / f"{seconds}.wav", chirp(16_000, seconds)) for seconds in (8, 10, 4))
    whole = prepare(eight, 16_000, Length(8.0))
    cut = prepare(ten, 16_000, Length(8.0))
    assert torch.allclose(whole.wave, cut.wave, atol=1e-4) and cut.seconds == 8
    half = prepare(four, 16_000, Length(8.0))
    assert half.seconds == 4 and half.wave.shape == (128_000,)
    assert half.wave[64_000:].abs().max() == 0 and half.wave[:64_000].abs().max() > 0.2
    assert is_short(half.seconds, Length(8.0)) and not is_short(7.9995, Length(8.0))
    with pytest.raises(InputError, match="--seconds"):
        prepare(four, 16_000, Length(8.0, "refuse"))


def test_a_constant_is_removed_before_the_end_is_filled(tmp_path: Path) -> None:
    path = save(tmp_path / "a.wav", 0.25 + 0.1 * np.sin(np.arange(16_000) / 5))
    found = prepare(path, 16_000, Length(2.0)).wave
    assert abs(float(found[:16_000].mean())) < 1e-6 and found[16_000:].abs().max() == 0


def test_files_are_found_by_name(tmp_path: Path) -> None:
    for name in ("b.wav", "in/a.flac", "c.v2.sound.wav", ".hidden.wav"):
        save(tmp_path / name, bursts(0))
    (tmp_path / "notes.txt").write_text("no sound")
    found = sounds_in(tmp_path)
    assert list(found) == ["b", "c.v2", "in/a"]
    pairing = pair(found, {"b": Path("b"), "z": Path("z")})
    assert (pairing.common, pairing.missing, pairing.extra) == (("b",), ("c.v2", "in/a"), ("z",))
    save(tmp_path / "b.flac", bursts(0))
    with pytest.raises(InputError, match=r"b\.wav"):
        sounds_in(tmp_path)


def test_folders_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a folder"):
        sounds_in(tmp_path / "none")
    with pytest.raises(InputError, match="holds no sound or video"):
        sounds_in(tmp_path)
    (tmp_path / "broken.wav").write_bytes(b"RIFF nothing")
    with pytest.raises(MediaError, match=r"broken\.wav"):
        prepare(sounds_in(tmp_path)["broken"], 16_000, Length())


def test_a_folder_against_itself_is_perfect(tmp_path: Path) -> None:
    truth, _ = folders(tmp_path)
    found = evaluate(truth, truth, ["FD_YAMNet", "JS_YAMNet", "onset_F1", "energy_correlation"], SHORT)
    values = [one.value for one in found.scores]
    assert values == pytest.approx([0, 0, 1, 1], abs=1e-6)


def test_a_shifted_folder(tmp_path: Path) -> None:
    """Bursts 20 ms late: all onsets match, their mean offset is 20 ms; counts and remarks are all there."""
    truth, made = folders(tmp_path, 4)
    save(truth / "only_true.wav", bursts(8))
    save(made / "only_made.wav", bursts(9, seconds=1.5))
    found = evaluate(truth, made, (), SHORT, command="as typed")
    assert found.pairing.missing == ("only_true",) and found.pairing.extra == ("only_made",)
    assert found.padded == ((), ("only_made",))
    scores = {one.name: one for one in found.scores}
    assert scores["onset_F1"].value == pytest.approx(1) and scores["onset_F1"].items == (4, 4)
    assert scores["onset_offset"].value == pytest.approx(20, abs=3)
    frechet = scores["FD_YAMNet"]
    assert frechet.items == (5, 5) and frechet.dimension == 1024 and frechet.rows == (20, 20)
    assert "20 samples for 1024 dimensions" in frechet.notes[0]
    assert scores["JS_YAMNet"].items == (4, 4) and scores["JS_YAMNet"].dimension == 521
    assert scores["IS_YAMNet"].value is None and "splits=5" in scores["IS_YAMNet"].notes[0]
    plain = found.as_dict()
    assert plain["command"] == "as typed" and plain["seeds"]["inception_permutation"] == 2020
    assert plain["pairs"] == 4 and set(plain["versions"]) >= {"soundvcm", "torch", "numpy", "soxr"}
    name, order = found.ranking()
    assert name == "JS_YAMNet" and sorted(order) == ["a0", "a1", "a2", "a3"]
    by_labels = [scores["JS_YAMNet"].per_item[k] for k in order]
    assert by_labels == sorted(by_labels)
    with pytest.raises(InputError, match="IS_YAMNet"):
        evaluate(truth, made, ["IS_YAMNet"], SHORT)


def test_without_pairs_only_scores_of_sets_are_possible(tmp_path: Path) -> None:
    truth, made = folders(tmp_path, 2)
    for path in list(made.iterdir()):
        path.rename(path.with_stem("other_" + path.stem))
    with pytest.raises(InputError, match="no file of .* has the name of one of"):
        evaluate(truth, made, ["onset_F1"], SHORT)
    found = evaluate(truth, made, ["FD_YAMNet"], SHORT)
    assert found.scores[0].items == (2, 2) and found.ranking() == ("", [])


def test_only_what_is_asked_for_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(device: object = None) -> extractors.Extract:
        raise AssertionError("not asked for")

    monkeypatch.setitem(EXTRACTORS, "yamnet", replace(EXTRACTORS["yamnet"], build=refuse))
    truth, made = folders(tmp_path, 2)
    (truth / "broken.wav").write_bytes(b"only pairs are read for scores of pairs")
    found = evaluate(truth, made, ["onsets"], SHORT)
    assert [one.items for one in found.scores] == [(2, 2)] * 5


@pytest.mark.parametrize("score", ["IB", "CLAP", "CLAP_630k"])
def test_missing_weights_are_said_before_anything_is_read(
    score: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOUNDVCM_HOME", str(tmp_path))
    monkeypatch.setattr(extractors.importlib.util, "find_spec", lambda name: True)
    with pytest.raises(WeightsError, match=rf"^{score}: .*soundvcm weights fetch"):
        evaluate(tmp_path / "none", tmp_path / "none", [score])


def test_every_score_has_a_known_extractor() -> None:
    from soundvcm.evaluation.definitions import DEFINITIONS

    names = {one.extractor for one in DEFINITIONS.values()}
    assert names == {*EXTRACTORS}
    with pytest.raises(OptionError, match="no extractor 'x'"):
        require("x", "y")


def test_features_are_kept_by_content_and_identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    truth, made = folders(tmp_path, 2)
    first = FeatureCache(tmp_path / "kept")
    one = evaluate(truth, made, ["onsets"], SHORT, cache=first)
    assert (first.found, first.made) == (0, 4)
    (made / "a0.flac").rename(made / "moved.flac")
    (made / "moved.flac").rename(made / "a0.flac")
    again = FeatureCache(tmp_path / "kept")
    two = evaluate(truth, made, ["onsets"], SHORT, cache=again)
    assert (again.found, again.made) == (4, 0)
    assert [s.value for s in one.scores] == [s.value for s in two.scores]
    save(made / "a0.flac", bursts(0, late=0.3))  # another content
    monkeypatch.setitem(EXTRACTORS, "onsets", replace(EXTRACTORS["onsets"], identity=lambda: "changed"))
    other = FeatureCache(tmp_path / "kept")
    evaluate(truth, made, ["onsets"], SHORT, cache=other)
    assert other.found == 0
    longer = FeatureCache(tmp_path / "kept")
    found = evaluate(truth, made, ["onsets"], Settings(Length(2.5), resamples=0), cache=longer)
    assert longer.found == 0 and found.padded == (("a0", "a1"), ("a0", "a1"))
    with pytest.raises(InputError, match="shorter than 2.5 s"):  # although its features are kept
        evaluate(truth, made, ["onsets"], Settings(Length(2.5, "refuse")), cache=longer)


def test_a_damaged_cache_is_made_again(tmp_path: Path) -> None:
    truth, made = folders(tmp_path, 2)
    cache = FeatureCache(tmp_path / "kept")
    evaluate(truth, made, ["onsets"], SHORT, cache=cache)
    for path in (tmp_path / "kept").rglob("*.npz"):
        path.write_bytes(path.read_bytes()[:100])
    again = FeatureCache(tmp_path / "kept")
    evaluate(truth, made, ["onsets"], SHORT, cache=again)
    assert (again.found, again.made) == (0, 4)
    assert not [path for path in (tmp_path / "kept").rglob("*") if ".part" in path.name]


def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    truth, made = folders(tmp_path, 2)
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(MediaError, match="--no-cache"):
        evaluate(truth, made, ["onsets"], SHORT, cache=FeatureCache(tmp_path / "file"))


def test_identity_follows_code_and_weights() -> None:
    one, other = (EXTRACTORS[name].identity() for name in ("yamnet", "onsets"))
    assert one.startswith("yamnet2-") and other.startswith("onsets-") and len(one) > len(other) > 20


def test_settings_out_of_range() -> None:
    with pytest.raises(OptionError, match="--seconds 0"):
        Length(0)
    with pytest.raises(OptionError, match="--resamples 5"):
        Settings(resamples=5)
    with pytest.raises(OptionError, match="--seed -1"):
        Settings(seed=-1)


def test_progress_and_versions(tmp_path: Path) -> None:
    truth, made = folders(tmp_path, 2)
    seen: list[tuple[str, float]] = []
    evaluate(truth, made, ["onset_F1"], SHORT, progress=lambda phase, share: seen.append((phase, share)))
    assert ("onsets: a1", 0.5) in seen and len(seen) == 4
    assert protocol.versions()["soundvcm"]
