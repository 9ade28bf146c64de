"""The Foley bank as it lies in the repository, its reader, and the variations."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import soundfile

from soundvcm.errors import OptionError, StoreError
from tiny.sounds.bank import BANK_RATE, FILE_RATE, Bank, load_bank, onset_seconds, vary

ROOT = Path(__file__).resolve().parents[2] / "tiny" / "bank"
LICENCES = {"CC0", "CC-BY-3.0", "CC-BY-4.0", "MIT", "own"}


@pytest.fixture(scope="module")
def bank() -> Bank:
    return load_bank(ROOT)


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    with (ROOT / "clips.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_enough_kinds_and_clips(bank: Bank) -> None:
    assert len(bank.kinds) >= 38
    for name, kind in bank.kinds.items():
        assert len(kind.phrases) >= 6 and len(set(kind.phrases)) == len(kind.phrases), name
        assert kind.heard, name
        splits = {split: bank.clips(name, split) for split in ("train", "valid", "test")}
        assert len(splits["test"]) >= 2 and len(splits["valid"]) >= 1, name
        assert sum(map(len, splits.values())) >= 12, name
        modes = {clip.mode for clips in splits.values() for clip in clips}
        assert modes == ({"event", "ambience"} if kind.mode == "both" else {kind.mode}), name


def test_no_phrase_names_two_kinds(bank: Bank) -> None:
    owner: dict[str, str] = {}
    for name, kind in bank.kinds.items():
        for phrase in kind.phrases:
            assert owner.setdefault(phrase, name) == name, phrase


def test_no_source_is_on_two_sides(bank: Bank) -> None:
    sides: dict[str, set[str]] = defaultdict(set)
    for clip in bank.all_clips:
        sides[clip.source].add(clip.split)
    assert all(len(splits) == 1 for splits in sides.values())
    shares = defaultdict(int)
    for clip in bank.all_clips:
        shares[clip.split] += 1
    assert 0.72 <= shares["train"] / len(bank.all_clips) <= 0.85


def test_no_soundfont_sample_is_on_two_sides(bank: Bank) -> None:
    sides: dict[str, set[str]] = defaultdict(set)
    for clip in bank.all_clips:
        if clip.origin == "soundfont":
            font, samples = clip.source.split(":", 1)
            for sample in samples.split("+"):
                sides[f"{font}:{sample}"].add(clip.split)
    assert sides and all(len(splits) == 1 for splits in sides.values())


@pytest.mark.slow
@pytest.mark.parametrize(("rate", "least", "most"), [(BANK_RATE, 0.05, 1.25), (FILE_RATE, 0.55, 1.1)])
def test_every_clip_sounds_as_promised(bank: Bank, rate: int, least: float, most: float) -> None:
    """Levels are as promised at the rate of the files; at 16 kHz what lies above 8 kHz is missing."""
    clips = bank.all_clips if rate == BANK_RATE else load_bank(ROOT, rate).all_clips
    for clip in clips:
        wave = clip.wave
        assert wave.dtype == np.float32 and wave.shape == (clip.samples,), clip.id
        assert np.isfinite(wave).all(), clip.id
        loudest, power = np.abs(wave).max(), np.sqrt(np.mean(wave**2))
        if clip.mode == "event":
            assert 0.02 <= clip.seconds <= 2.01, clip.id
            assert least <= loudest <= most, clip.id
            assert onset_seconds(wave, sample_rate=rate) <= 0.015, clip.id
        else:
            assert 4.4 <= clip.seconds <= 6.1, clip.id
            assert 0.07 <= power <= 0.12 and loudest <= 1.5, clip.id


def test_clips_do_not_leak_into_each_other() -> None:
    """The silence that is packed between two clips is still silent after Opus."""
    path = ROOT / "drum_hit.opus"
    wave, rate = soundfile.read(path, dtype="float32")
    assert rate == FILE_RATE
    bank = load_bank(ROOT, FILE_RATE)
    clips = [clip for kind in ("train", "valid", "test") for clip in bank.clips("drum_hit", kind)]
    inside = np.zeros(len(wave), dtype=bool)
    for clip in clips:
        begin = clip._offset
        assert not inside[begin : begin + clip.samples].any()
        inside[max(0, begin - 1200) : begin + clip.samples + 2400] = True
    assert np.abs(wave[~inside]).max() < 0.02


def test_licences_and_credits(rows: list[dict[str, str]]) -> None:
    text = (ROOT / "CREDITS.md").read_text(encoding="utf-8")
    for row in rows:
        assert row["licence"] in LICENCES, row["id"]
        if row["origin"] == "synthesis":
            assert row["package"] == "soundvcm" and row["licence"] == "own", row["id"]
            continue
        assert row["author"] and row["link"].startswith("http"), row["id"]
        line = f"| {row['source']} | {row['author']} | {row['licence']} | {row['link']} |"
        assert line in text, row["id"]
    assert "THE SOFTWARE IS PROVIDED" in text  # the MIT text of the soundfonts goes with their renders


def test_size() -> None:
    assert sum(path.stat().st_size for path in ROOT.iterdir()) <= 25_000_000


def test_waves_are_cached_and_read_only(bank: Bank) -> None:
    clip = bank.clips("piano", "train")[0]
    assert np.shares_memory(clip.wave, clip.wave)
    with pytest.raises(ValueError):
        clip.wave[0] = 1.0


def test_mode_filter_and_unknown_names(bank: Bank) -> None:
    both = bank.clips("thunder", "train")
    events, lasting = (bank.clips("thunder", "train", mode) for mode in ("event", "ambience"))
    assert events and lasting and len(events) + len(lasting) == len(both)
    for arguments, word in (
        (("violins", "train"), "kind"),
        (("violin", "dev"), "split"),
        (("violin", "test", "hit"), "mode"),
    ):
        with pytest.raises(OptionError, match=word):
            bank.clips(*arguments)


def small_bank(folder: Path) -> Path:
    """A bank of one kind and one clip that the tests may break."""
    folder.mkdir()
    kinds = {"beep": {"mode": "event", "phrases": ["a beep"], "labels": [], "heard": ["Beep, bleep"]}}
    (folder / "kinds.json").write_text(json.dumps(kinds))
    header = "id,kind,split,mode,file,offset,samples,origin,source,licence,author,link\n"
    (folder / "clips.csv").write_text(
        header + "beep_0,beep,train,event,beep.opus,300,2400,synthesis,s,own,us,\n"
    )
    wave = 0.5 * np.sin(np.arange(6000) * 0.1)
    soundfile.write(folder / "beep.opus", wave, FILE_RATE, format="OGG", subtype="OPUS")
    return folder


def test_reads_a_small_bank(tmp_path: Path) -> None:
    (clip,) = load_bank(small_bank(tmp_path / "bank")).clips("beep", "train")
    assert clip.seconds == 0.05 and len(clip.wave) == 800
    assert clip.wave.std() == pytest.approx(0.5 / np.sqrt(2), rel=0.2)


@pytest.mark.parametrize("rate", [16_000, 32_000, 44_100, 48_000])
def test_any_rate_gives_the_same_sound(tmp_path: Path, rate: int) -> None:
    """A tone keeps its pitch, level and length at every rate, and reads the same at 16 kHz as without one."""
    root = small_bank(tmp_path / "bank")
    (clip,) = load_bank(root, rate).clips("beep", "train")
    assert clip.sample_rate == rate and len(clip.wave) == clip.samples == rate // 20
    assert clip.wave.std() == pytest.approx(0.5 / np.sqrt(2), rel=0.2)
    spectrum = np.abs(np.fft.rfft(clip.wave * np.hanning(len(clip.wave)), 1 << 16))
    assert np.argmax(spectrum) * rate / (1 << 16) == pytest.approx(0.1 * FILE_RATE / (2 * np.pi), rel=0.02)
    if rate == BANK_RATE:
        assert np.array_equal(clip.wave, load_bank(root).clips("beep", "train")[0].wave)


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("kinds.json", None, "kinds.json"),
        ("kinds.json", "[1", "kinds.json"),
        ("kinds.json", '{"beep": {"mode": "loud", "phrases": ["x"], "labels": [], "heard": []}}', "mode"),
        ("clips.csv", None, "clips.csv"),
        ("clips.csv", "id,kind\nx,beep\n", "columns"),
        ("beep.opus", None, "missing"),
    ],
)
def test_a_broken_bank_is_named_at_once(tmp_path: Path, file: str, content: str | None, words: str) -> None:
    root = small_bank(tmp_path / "bank")
    (root / file).unlink()
    if content is not None:
        (root / file).write_text(content)
    with pytest.raises(StoreError, match=words) as caught:
        load_bank(root)
    assert "build_bank/build.py" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("beep,train", "boop,train", "line 2: unknown kind"),
        ("train", "training", "line 2: unknown kind, split or mode"),
        (",300,", ",ten,", "whole number"),
        (",2400,", ",0,", "positive"),
        ("beep.opus", "../beep.opus", "missing"),
    ],
)
def test_a_broken_row_is_named(tmp_path: Path, old: str, new: str, words: str) -> None:
    root = small_bank(tmp_path / "bank")
    table = root / "clips.csv"
    table.write_text(table.read_text().replace(old, new))
    with pytest.raises(StoreError, match=words):
        load_bank(root)


def test_a_missing_folder_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no such folder.*tiny/build_bank/build.py"):
        load_bank(tmp_path / "nowhere")


def test_broken_sounds_are_named(tmp_path: Path) -> None:
    root = small_bank(tmp_path / "bank")
    whole = (root / "beep.opus").read_bytes()
    (root / "beep.opus").write_bytes(b"not a sound")
    with pytest.raises(StoreError, match="cannot be decoded"):
        _ = load_bank(root).all_clips[0].wave
    (root / "beep.opus").write_bytes(whole)
    soundfile.write(root / "beep.opus", np.zeros(500), FILE_RATE, format="OGG", subtype="OPUS")
    with pytest.raises(StoreError, match="beep_0"):
        _ = load_bank(root).all_clips[0].wave
    soundfile.write(root / "beep.opus", np.zeros(5000), 24000, format="OGG", subtype="OPUS")
    with pytest.raises(StoreError, match="48000 Hz"):
        load_bank(root).preload()


def test_variations_of_real_clips(bank: Bank) -> None:
    rng = np.random.default_rng(3)
    for name in bank.kinds:
        clip = bank.clips(name, "train")[0]
        lasting = clip.mode == "ambience"
        seed = int(rng.integers(1 << 30))
        one, same, other = (
            vary(clip.wave, np.random.default_rng(s), lasting=lasting) for s in (seed, seed, seed + 1)
        )
        assert np.array_equal(one, same), clip.id
        assert one.shape != other.shape or not np.allclose(one, other), clip.id
        assert one.dtype == np.float32 and np.isfinite(one).all() and 0 < np.abs(one).max() <= 0.98 + 1e-6, (
            clip.id
        )
        if not lasting:
            assert onset_seconds(one) <= 0.03, clip.id  # a tree of bells swells
