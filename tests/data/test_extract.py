"""Clips become a feature store: what is read, what is rejected and why, several processes, going on."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
import torch
from standins import GreyMotion, GreyPictures, LetterWords, random_codec, write_clip

from soundvcm.data.catalog import Row, from_folder
from soundvcm.data.clip_sound import prepared, read_clip
from soundvcm.data.extract import Extraction, Parts, extract_clip, finish, write_shards
from soundvcm.data.store import FeatureStore
from soundvcm.errors import InputError, MediaError, StoreError
from soundvcm.runtime import threads
from soundvcm.timeline import Timeline

RATE = 16_000
ONE = Fraction(1)
LINES = Timeline(ONE, segment_frames=1, segment_hop=1, segment_tokens=1)


def parts(**changes: object) -> Parts:
    made = Parts(random_codec(), GreyPictures(), GreyMotion(), LetterWords(), "random-1", LINES)
    return replace(made, **changes)  # type: ignore[arg-type]


def tone(seconds: float = 1.0, peak: float = 0.3, hertz: float = 440.0, rate: int = RATE) -> np.ndarray:
    time = np.arange(int(seconds * rate)) / rate
    return (peak * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def wav(path: Path, wave: np.ndarray, rate: int = RATE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, wave, rate, subtype="FLOAT", format="WAV")
    return path


def row(file: Path, **changes: object) -> Row:
    return replace(Row(file.stem, file, seconds=ONE, captions=("a tone",)), **changes)  # type: ignore[arg-type]


def extraction(*rows: Row, **options: bool) -> Extraction:
    return Extraction(rows, **options)


def store_of(folder: Path, *rows: Row, **options: bool) -> FeatureStore:
    plan = extraction(*rows, **options)
    plan.save(folder)
    write_shards(folder, plan, parts())
    finish(folder, plan, parts())
    return FeatureStore(folder)


def test_a_clip_with_pictures_and_one_of_sound_alone(tmp_path: Path) -> None:
    """The paper's lengths; what is not there is a flag, not zeros."""
    clip = row(write_clip(tmp_path / "v.mp4", frames=30, sound=True), captions=("a", "b", " "))
    sound = row(wav(tmp_path / "s.wav", tone()), split="val", captions=())
    store = store_of(tmp_path / "store", clip, sound)
    first, second = store.items
    assert (first.id, first.split, second.id, second.split) == ("v", "train", "s", "val")
    assert first.lengths == {"mean": 32, "std": 32, "semantic": 1, "sync": 25}
    assert second.lengths == {"mean": 32, "std": 32}
    assert [store.texts[k] for k in first.captions] == ["a", "b"] and second.captions == ()
    assert store.fingerprint == {
        "codec": "random-1", "semantic": "grey-1", "sync": "motion-1", "text": "letters-1"
    }  # fmt: skip
    assert store.rates["sync"] == 25 and store.rates["latents"] == Fraction(125, 4)
    rising = store.read(0, "sync")[1:, 0]
    assert bool((rising > 0).all()), "the clip's grey rises from picture to picture"
    assert torch.allclose(store.text(first.captions[0]), LetterWords().encode(["a"])[0], atol=1e-3)


def test_latents_are_those_of_the_levelled_sound(tmp_path: Path) -> None:
    """Reference A8: train clips at a peak of 0.95, others as they are; and never with --keep-levels."""
    file, codec = wav(tmp_path / "s.wav", tone(peak=0.1)), random_codec()
    raw = torch.from_numpy(soundfile.read(file, dtype="float32")[0])
    loud = codec.encode((raw * (0.95 / raw.abs().max()))[None]).mean[0]
    quiet = codec.encode(raw[None]).mean[0]
    assert not torch.allclose(loud, quiet, atol=1e-2)
    for split, keep, wanted in (("train", False, loud), ("val", False, quiet), ("train", True, quiet)):
        clip, _ = extract_clip(row(file, split=split), extraction(keep_levels=keep), parts())
        torch.testing.assert_close(clip.mean, wanted)


def test_sound_stays_in_step_with_pictures_that_begin_later(tmp_path: Path) -> None:
    """Both are counted from the first picture: a click 0.49 s after it is found there, whatever the start."""
    path, click = tmp_path / "late.mkv", np.zeros(3 * RATE, np.float32)
    click[int(1.25 * RATE)] = 1.0
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25, options={"bf": "0"})
        video.height, video.width, video.pix_fmt = 32, 48, "yuv420p"
        sound = container.add_stream("pcm_s16le", rate=RATE, layout="mono")
        for k in range(50):
            frame = av.VideoFrame.from_ndarray(np.full((32, 48, 3), 4 * k, np.uint8), format="rgb24")
            frame.pts, frame.time_base = k + 19, Fraction(1, 25)  # the first picture at 0.76 s
            container.mux(video.encode(frame))
        container.mux(video.encode())
        for first in range(0, len(click), 1000):
            samples = (click[None, first : first + 1000] * 32767).astype(np.int16)
            block = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
            block.sample_rate, block.pts, block.time_base = RATE, first, Fraction(1, RATE)
            container.mux(sound.encode(block))
        container.mux(sound.encode())
    for start in (Fraction(0), Fraction(1, 5)):
        raw = read_clip(path, start, ONE, origin=Fraction(19, 25))
        place = int(np.abs(raw.wave[0]).argmax()) / raw.rate
        assert abs(place - (1.25 - 0.76 - float(start))) < 0.002
    clip, remarks = extract_clip(row(path), extraction(), parts())
    loudest = int((clip.mean - clip.mean.mean(0)).norm(dim=1).argmax())
    assert abs(loudest / 31.25 - 0.49) < 0.1 and remarks == []


def test_only_the_wanted_window_is_used(tmp_path: Path) -> None:
    sweep = np.concatenate([tone(hertz=200), tone(hertz=1000), tone(hertz=3000)])
    file = wav(tmp_path / "three.wav", sweep)
    for k, hertz in enumerate((200, 1000, 3000)):
        wave = prepared(read_clip(file, Fraction(k), ONE), RATE, RATE, peak=None)
        assert abs(int(torch.fft.rfft(wave).abs().argmax()) - hertz) <= 1


def test_other_rates_and_channels(tmp_path: Path) -> None:
    left, right = tone(rate=44_100), tone(rate=44_100, hertz=1000, peak=0.1)
    raw = read_clip(wav(tmp_path / "s.wav", np.stack([left, right], 1), 44_100), Fraction(0), ONE)
    wave = prepared(raw, RATE, RATE, peak=0.95)
    assert wave.shape == (RATE,) and float(wave.abs().max()) == pytest.approx(0.95)
    spectrum = torch.fft.rfft(wave).abs()
    assert float(spectrum[440] / spectrum[1000]) == pytest.approx(3, rel=0.02), "the mean of the channels"


def bad_clips(folder: Path) -> dict[str, tuple[Row, str]]:
    """Cases 14, 23, 09: what cannot be used, and the words for it."""
    folder.mkdir()
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "html.mp4").write_text("<html>not a video</html>")
    (folder / "noise.wav").write_bytes(np.random.default_rng(0).bytes(5000))
    whole = write_clip(folder / "whole.mp4", sound=True).read_bytes()
    (folder / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    nan, far = tone(), tone()
    nan[500] = np.nan
    far[700] = np.inf
    words = {
        "empty": (folder / "empty.mp4", "empty"),
        "html": (folder / "html.mp4", "html|recogni|read"),
        "noise": (folder / "noise.wav", "read|decode|Invalid|recogni"),
        "cut": (folder / "cut.mp4", "moov|read|cut|damaged"),
        "mute": (write_clip(folder / "mute.mp4"), "^no sound track$"),
        "nan": (wav(folder / "nan.wav", nan), "NaN or infinity"),
        "inf": (wav(folder / "inf.wav", far), "NaN or infinity"),
        "silent": (wav(folder / "silent.wav", np.zeros(RATE, np.float32)), "^silent$"),
        "tiny": (wav(folder / "tiny.wav", tone(peak=5e-7)), "^silent$"),
        "short": (wav(folder / "short.wav", tone(0.5)), r"too short: sound for 0.50 s of 1 s"),
        "brief": (write_clip(folder / "brief.mp4", frames=12, sound=True), r"too short: pictures for 0.48 s"),
        "soundfile": (wav(folder / "named.mp4", tone()), "no pictures|read"),
    }
    rows = {name: (replace(row(file), id=name), why) for name, (file, why) in words.items()}
    rows["beyond"] = (
        replace(row(folder / "whole.mp4"), id="beyond", start=Fraction(5)),
        "lies beyond its end",
    )
    later = replace(row(folder / "short.wav"), id="later", start=Fraction(3))
    return rows | {"later": (later, "too short: its sound ends before 3 s")}


def test_bad_clips_are_listed_with_the_reason_and_nothing_takes_their_place(tmp_path: Path) -> None:
    bad = bad_clips(tmp_path / "bad")
    good = [row(wav(tmp_path / f"good{k}.wav", tone(hertz=300 + 50 * k))) for k in range(3)]
    rows = [good[0], *(entry for entry, _ in bad.values()), *good[1:]]
    store = store_of(tmp_path / "store", *rows)
    assert [item.id for item in store.items] == ["good0", "good1", "good2"]
    reasons = {entry["id"]: entry["reason"] for entry in store.rejected}
    assert list(reasons) == list(bad)
    for name, (_, why) in bad.items():
        found = re.search(why, reasons[name])
        assert found and "\n" not in reasons[name], f"{name}: {reasons[name]!r}, wanted {why!r}"
    report = (tmp_path / "store" / "report.tsv").read_text().splitlines()
    assert report[0] == "id\twhat\twhy" and f"nan\trejected\t{reasons['nan']}" in report
    assert sum("\trejected\t" in line for line in report) == len(bad)


def test_strange_but_usable_clips_get_a_remark(tmp_path: Path) -> None:
    """One picture a second is fine; pictures that never change are used and noted."""
    slow = write_clip(tmp_path / "slow.mp4", frames=3, rate=1, sound=True)
    still = tmp_path / "still.mp4"
    with av.open(str(still), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.height, video.width, video.pix_fmt = 32, 48, "yuv420p"
        sound = container.add_stream("aac", rate=RATE, layout="mono")
        for _ in range(30):
            grey = np.full((32, 48, 3), 90, np.uint8)
            container.mux(video.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        container.mux(video.encode())
        block = av.AudioFrame.from_ndarray(tone(1.2)[None], format="fltp", layout="mono")
        block.sample_rate, block.pts, block.time_base = RATE, 0, Fraction(1, RATE)
        container.mux(sound.encode(block))
        container.mux(sound.encode())
    store = store_of(tmp_path / "store", row(slow, seconds=Fraction(2)), row(still))
    assert store.rejected == [] and store.items[0].lengths["sync"] == 50
    report = (tmp_path / "store" / "report.tsv").read_text()
    assert "still\tremark\tits pictures never change" in report and "slow\tremark" not in report


def test_filling_short_clips(tmp_path: Path) -> None:
    brief = row(write_clip(tmp_path / "brief.mp4", frames=12, sound=True))
    clip, remarks = extract_clip(brief, extraction(fill=True), parts())
    assert len(clip.mean) == 32 and clip.sync is not None and len(clip.sync) == 25
    assert float(clip.sync[13:].abs().max()) == 0, "the last picture stays"
    assert [line.split(" for ")[0] for line in remarks if "filled" in line] == [
        "filled: pictures",
        "filled: sound",
    ]


def test_pictures_are_left_out_on_request(tmp_path: Path) -> None:
    clip, _ = extract_clip(
        row(write_clip(tmp_path / "v.mp4", frames=30, sound=True)), extraction(sound_only=True), parts()
    )
    assert clip.semantic is None and clip.sync is None and len(clip.mean) == 32


def test_features_beyond_half_precision_reject_the_clip_only(tmp_path: Path) -> None:
    class Loud(GreyMotion):
        def encode(self, frames: torch.Tensor) -> torch.Tensor:
            return super().encode(frames) * 1e9

    with pytest.raises(InputError, match=r"features \(sync\) are not finite"):
        file = write_clip(tmp_path / "v.mp4", frames=30, sound=True)
        extract_clip(row(file), extraction(), parts(sync=Loud()))


def test_encoders_with_overlapping_segments_are_not_cropped(tmp_path: Path) -> None:
    parts(timeline=Timeline(ONE)).writer(tmp_path)
    assert "sync" not in json.loads((tmp_path / "begun.json").read_text())["rates"]


WORKER = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_extract import parts
import torch
from soundvcm.data.extract import Extraction, write_shards
torch.set_num_threads(1)
folder = Path(sys.argv[1])
write_shards(folder, Extraction.load(folder), parts(), part=int(sys.argv[2]), of=int(sys.argv[3]))
"""


def many(folder: Path, count: int = 34) -> list[Row]:
    """Case 35's ids and captions among them, one bad clip, two splits."""
    names = ["--0PQM4-hqg_000000", "a.b.c_000010", *(f"c{k}" for k in range(count - 2))]
    rows = []
    for k, name in enumerate(names):
        wave = np.zeros(RATE, np.float32) if k == 20 else tone(hertz=200 + 13 * k)
        captions = ('he said "boo", twice', "雨打在铁皮屋顶上") if k == 1 else (f"tone {k % 5}",)
        split = "val" if k % 10 == 9 else "train"
        rows.append(replace(row(wav(folder / f"{name}.wav", wave)), captions=captions, split=split))
    clip = write_clip(folder / "v.mp4", frames=30, sound=True)
    return [*rows, row(clip)]


def by_id(store: FeatureStore) -> dict[str, tuple[object, ...]]:
    found: dict[str, tuple[object, ...]] = {}
    for k, item in enumerate(store.items):
        streams = tuple(store.read(k, name).half().numpy().tobytes() for name in item.lengths)
        texts = tuple(store.texts[number] for number in item.captions)
        found[item.id] = (item.split, item.seconds, texts, streams)
    return found


def test_three_processes_make_the_store_of_one(tmp_path: Path) -> None:
    """Case 35: the same bytes per id; here even the same files."""
    rows = many(tmp_path / "media")
    plan = extraction(*rows)
    one, three = tmp_path / "one", tmp_path / "three"
    script = WORKER.format(tests=str(Path(__file__).parent))
    paths = [str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    for folder in (one, three):
        plan.save(folder)
    command = [sys.executable, "-c", script, str(three)]
    running = [subprocess.Popen([*command, str(k), "3"], env=env) for k in (2, 0, 1)]
    with threads(1):
        write_shards(one, plan, parts())
    assert [process.wait() for process in running] == [0] * 3
    for folder in (one, three):
        finish(folder, plan, parts())
    single, shared = FeatureStore(one), FeatureStore(three)
    assert by_id(single) == by_id(shared) and len(single) == 34
    assert [entry["id"] for entry in shared.rejected] == ["c18"]
    texts = {single.texts[k] for k in single.items[single.find("a.b.c_000010")].captions}
    assert texts == {'he said "boo", twice', "雨打在铁皮屋顶上"}
    names = [f"shards/{k:05d}.{end}" for k in range(3) for end in ("safetensors", "json")]
    for name in [*names, "store.json", "text.safetensors", "report.tsv"]:
        assert (one / name).read_bytes() == (three / name).read_bytes(), name


def test_a_stopped_run_goes_on_and_finished_shards_are_kept(tmp_path: Path) -> None:
    rows = many(tmp_path / "media")
    plan, folder = extraction(*rows), tmp_path / "store"
    plan.save(folder)

    def stop(done: int, total: int) -> None:
        assert total == 3
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_shards(folder, plan, parts(), report=stop)
    assert parts().writer(folder).finished() == {0, 1}
    with pytest.raises(StoreError, match="1 of 3 shards are missing: run it again"):
        finish(folder, plan, parts())
    with pytest.raises(StoreError, match="run the same command again"):
        FeatureStore(folder)
    before = {path.name: path.stat().st_mtime_ns for path in (folder / "shards").iterdir()}
    write_shards(folder, Extraction.load(folder), parts())
    finish(folder, plan, parts())
    kept = {path.name: path.stat().st_mtime_ns for path in (folder / "shards").iterdir()}
    assert before.items() <= kept.items()
    assert len(FeatureStore(folder)) == 34


def test_another_catalog_or_other_options_do_not_go_on(tmp_path: Path) -> None:
    first = row(wav(tmp_path / "a.wav", tone()))
    extraction(first).save(tmp_path / "store")
    extraction(first).save(tmp_path / "store")
    moved = wav(tmp_path / "elsewhere" / "a.wav", tone())
    extraction(replace(first, file=moved)).save(tmp_path / "store")
    assert Extraction.load(tmp_path / "store").rows[0].file == moved
    others = (
        extraction(first, fill=True),
        extraction(replace(first, captions=("x",))),
        extraction(first, first),
    )
    for other in others:
        with pytest.raises(StoreError, match="another catalog or other options"):
            other.save(tmp_path / "store")
    with pytest.raises(StoreError, match="nothing to extract"):
        extraction().save(tmp_path / "none")
    parts().writer(tmp_path / "store")
    with pytest.raises(StoreError, match="do not mix"):
        write_shards(tmp_path / "store", extraction(first), parts(codec_name="other"))


def test_the_size_of_shards_follows_the_catalog(tmp_path: Path) -> None:
    some = row(tmp_path / "x.wav")
    sizes = {
        count: [len(rows) for _, rows in Extraction((some,) * count).shards()]
        for count in (1, 17, 5000, 200_000, 400_000)
    }
    assert sizes[1] == [1] and sizes[17] == [16, 1] and max(sizes[5000]) == 20
    assert len(sizes[200_000]) == 256 and max(sizes[400_000]) == 1024
    assert all(sum(found) == count for count, found in sizes.items())


def test_a_catalog_of_bad_clips_only_is_no_store(tmp_path: Path) -> None:
    plan = extraction(row(wav(tmp_path / "s.wav", np.zeros(RATE, np.float32))))
    plan.save(tmp_path / "store")
    write_shards(tmp_path / "store", plan, parts())
    with pytest.raises(StoreError, match="no usable clip was extracted; see the list"):
        finish(tmp_path / "store", plan, parts())
    assert "s\trejected\tsilent" in (tmp_path / "store" / "report.tsv").read_text()


def test_a_plain_folder_end_to_end(tmp_path: Path) -> None:
    for k in range(3):
        wav(tmp_path / "clips" / f"note_{k}.wav", tone(hertz=300 + 100 * k))
    found = from_folder(tmp_path / "clips", seconds=ONE, val_every=3)
    store = store_of(tmp_path / "store", *found.rows)
    assert [item.split for item in store.items] == ["train", "train", "val"]
    assert store.texts == ["note 0", "note 1", "note 2"] and bool((store.latent_std > 0).all())


def test_no_track_is_said_in_words(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="has 0 sound track"):
        read_clip(write_clip(tmp_path / "mute.mp4", frames=5), Fraction(0), ONE)


def test_threads_that_read_ahead_change_nothing(tmp_path: Path) -> None:
    """The same bytes with none and three; what cannot be read is listed in its place; they do read ahead."""
    rows = [row(wav(tmp_path / f"{k}.wav", tone(hertz=100.0 + 40 * k))) for k in range(5)]
    rows.insert(2, row(wav(tmp_path / "silent.wav", 0 * tone())))
    rows.append(row(write_clip(tmp_path / "v.mp4", frames=30, sound=True)))
    plan = extraction(*rows)
    for readers in (0, 3):
        folder = tmp_path / f"store{readers}"
        plan.save(folder)
        write_shards(folder, plan, parts(readers=readers))
        finish(folder, plan, parts())
    one, two = (
        [(p.name, p.read_bytes()) for p in sorted((tmp_path / f"store{n}").rglob("*.*"))] for n in (0, 3)
    )
    assert one == two and "silent\trejected" in (tmp_path / "store3" / "report.tsv").read_text()


def test_the_number_format_is_part_of_the_plan(tmp_path: Path) -> None:
    """A store is not gone on with in another format; plans of before, which name none, are float32."""
    plan = extraction(row(wav(tmp_path / "a.wav", tone())))
    plan.save(tmp_path / "s")
    assert Extraction.load(tmp_path / "s") == plan
    with pytest.raises(StoreError, match="other options"):
        replace(plan, dtype="bfloat16").save(tmp_path / "s")
    path = tmp_path / "s" / "extraction.json"
    path.write_text(path.read_text().replace(', "dtype": "float32"', "").replace('"dtype": "float32",', ""))
    plan.save(tmp_path / "s")


def test_a_reason_does_not_name_the_file_again(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").write_bytes(b"")
    store = store_of(tmp_path / "store", row(tmp_path / "empty.mp4"), row(wav(tmp_path / "a.wav", tone())))
    assert [entry["reason"] for entry in store.rejected] == ["is empty (0 bytes)"]
