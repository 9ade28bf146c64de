"""The feature store: sizes, resuming, pairing by id (case 35), statistics, and refusals."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from soundvcm.data.shards import Clip, StoreWriter
from soundvcm.data.store import FeatureStore, check_same_encoders, standardise, unstandardise
from soundvcm.errors import StoreError

NAMES = {"codec": "vae16k@1", "semantic": "clip@1", "sync": "synch@1", "text": "clip-text@1"}
RATES = {"latents": Fraction(125, 4), "sync": Fraction(25)}


def words(texts: list[str]) -> torch.Tensor:
    return torch.stack([torch.full((3, 4), float(len(text))) for text in texts])


def clip(name: str, *captions: str, n: int = 10, split: str = "train", seed: int = 0, **more: object) -> Clip:
    generator = torch.Generator().manual_seed(seed)
    draw = lambda *shape: torch.randn(*shape, generator=generator)  # noqa: E731
    values = {
        "mean": draw(n, 2),
        "std": draw(n, 2).abs(),
        "semantic": draw(2, 5),
        "sync": draw(8, 3),
        **more,
    }
    return Clip(name, split, Fraction(n * 4, 125), captions, **values)  # type: ignore[arg-type]


def writer(folder: Path, **fingerprint: str) -> StoreWriter:
    return StoreWriter(folder, fingerprint=NAMES | fingerprint, rates=RATES)


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    clips = [clip(f"c{k}", "rain", f"number {k}", n=10 + k, seed=k) for k in range(5)]
    made = writer(tmp_path)
    made.write(0, clips[:3])
    made.write(1, clips[3:])
    made.finish(words)
    store = FeatureStore(tmp_path)
    assert len(store) == 5 and store.widths == {
        "latents": 2,
        "semantic": 5,
        "sync": 3,
        "text": 4,
        "text_tokens": 3,
    }
    for k, source in enumerate(clips):
        at = store.find(source.id)
        assert at == k and store.items[at].seconds == source.seconds
        for stream in ("mean", "std", "semantic", "sync"):
            assert torch.equal(store.read(at, stream), getattr(source, stream).half().float())
        assert torch.equal(store.read(at, "mean", (2, 4)), store.read(at, "mean")[2:6])
        assert [store.texts[number] for number in store.items[at].captions] == ["rain", f"number {k}"]
        assert torch.equal(store.text(store.items[at].captions[1]), words([f"number {k}"])[0])


def test_each_distinct_text_and_the_empty_one_are_stored_once(tmp_path: Path) -> None:
    asked: list[str] = []

    def encode(texts: list[str]) -> torch.Tensor:
        asked.extend(texts)
        return words(texts)

    made = writer(tmp_path)
    made.write(0, [clip(f"c{k}", "dog" if k % 2 else "cat") for k in range(10)])
    made.finish(encode)
    store = FeatureStore(tmp_path)
    assert sorted(asked) == ["", "cat", "dog"] and store.texts == ["cat", "dog"]
    assert store.empty_text is not None and torch.equal(store.empty_text, words([""])[0])
    assert not torch.equal(store.text(0), store.empty_text)


def test_without_captions_or_from_an_older_version_the_empty_text_is_unknown(tmp_path: Path) -> None:
    silent, older = writer(tmp_path / "a"), writer(tmp_path / "b")
    silent.write(0, [clip("a")])
    silent.finish(words)
    older.write(0, [clip("a", "cat")])
    older.finish(words)
    save_file({"text": words(["cat"]).half()}, tmp_path / "b" / "text.safetensors")
    assert FeatureStore(tmp_path / "a").empty_text is None
    assert FeatureStore(tmp_path / "b").empty_text is None
    assert torch.equal(FeatureStore(tmp_path / "b").text(0), words(["cat"])[0])


def test_a_clip_of_the_papers_size_takes_less_than_650_kB(tmp_path: Path) -> None:
    clips = [
        Clip(
            f"c{k}",
            "train",
            Fraction(8),
            ("one of 309 labels",),
            torch.randn(250, 20),
            torch.rand(250, 20),
            torch.randn(64, 1024),
            torch.randn(192, 768),
        )
        for k in range(4)
    ]
    writer(tmp_path).write(0, clips)
    size = sum(path.stat().st_size for path in (tmp_path / "shards").iterdir())
    numbers = 2 * (2 * 250 * 20 + 64 * 1024 + 192 * 768)
    assert numbers == 445_984  # bytes in half precision; the reference's float32 with text is 1.207 MB
    assert numbers <= size / 4 <= numbers + 1500 < 650_000


def test_finished_shards_are_kept_and_half_written_ones_are_not_seen(tmp_path: Path) -> None:
    made = writer(tmp_path)
    made.write(0, [clip("a", "x")])
    before = (tmp_path / "shards" / "00000.safetensors").stat().st_mtime_ns
    (tmp_path / "shards" / "00001.safetensors").write_bytes(b"half")  # killed before its JSON was written
    again = writer(tmp_path)
    assert again.finished() == {0}
    again.write(1, [clip("b", "y")])
    again.finish(words)
    assert (tmp_path / "shards" / "00000.safetensors").stat().st_mtime_ns == before
    assert [item.id for item in FeatureStore(tmp_path).items] == ["a", "b"]


def test_unfinished_store_says_what_to_do(tmp_path: Path) -> None:
    writer(tmp_path).write(0, [clip("a")])
    with pytest.raises(StoreError, match="run the same command again"):
        FeatureStore(tmp_path)
    with pytest.raises(StoreError, match="soundvcm extract"):
        FeatureStore(tmp_path / "nothing")


def test_same_id_twice_is_refused(tmp_path: Path) -> None:
    made = writer(tmp_path)
    with pytest.raises(StoreError, match="'a'"):
        made.write(0, [clip("a", "x"), clip("a", "y")])
    assert made.finished() == set()
    made.write(0, [clip("a", "x")])
    made.write(1, [clip("a", "y")])
    with pytest.raises(StoreError, match="shard 0 .*shard 1"):
        made.finish(words)


def test_changed_captions_are_found(tmp_path: Path) -> None:
    made = writer(tmp_path)
    made.write(0, [clip("a", "rain")])
    made.finish(words)
    path = tmp_path / "shards" / "00000.json"
    path.write_text(path.read_text().replace("rain", "wind"))
    with pytest.raises(StoreError, match="'a'"):
        FeatureStore(tmp_path)


def test_other_encoders_are_refused(tmp_path: Path) -> None:
    writer(tmp_path / "a").write(0, [clip("a")])
    with pytest.raises(StoreError, match="do not mix"):
        writer(tmp_path / "a", codec="vae44k@1")
    for name in ("b", "c"):
        made = writer(tmp_path / name, codec=name)
        made.write(0, [clip("a")])
        made.finish(words)
    with pytest.raises(StoreError, match="'b'"):
        check_same_encoders([FeatureStore(tmp_path / "b"), FeatureStore(tmp_path / "c")])


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"mean": torch.full((10, 2), float("nan"))}, "mean holds NaN"),
        ({"semantic": torch.full((2, 5), 1e6)}, "beyond half precision"),
        ({"std": torch.ones(9, 2)}, r"std has shape \(9, 2\)"),
        ({"sync": torch.ones(9)}, r"sync has shape \(9,\)"),
    ],
)
def test_unusable_numbers_are_not_stored(tmp_path: Path, bad: dict[str, torch.Tensor], message: str) -> None:
    made = writer(tmp_path)
    with pytest.raises((StoreError, ValueError), match=message):
        made.write(0, [clip("a", **bad)])
    assert list((tmp_path / "shards").iterdir()) == []


def test_statistics_are_of_posterior_draws_of_the_train_split_only(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(1)
    mean = 3 + 2 * torch.randn(40_000, 2, generator=generator)
    made = writer(tmp_path)
    made.write(0, [clip("a", mean=mean, std=torch.full_like(mean, 1.5))])
    made.write(1, [clip("test", split="test", mean=torch.full((10, 2), 900.0), std=torch.ones(10, 2))])
    made.finish(words)
    store = FeatureStore(tmp_path)
    drawn = store.read(0, "mean") + store.read(0, "std") * torch.randn(40_000, 2, generator=generator)
    torch.testing.assert_close(store.latent_mean, drawn.mean(0), atol=0.03, rtol=0)
    torch.testing.assert_close(store.latent_std, drawn.std(0), atol=0.03, rtol=0)
    assert abs(float(store.latent_std[0]) - 2.5) < 0.03 and store.latent_count == 40_000
    data = standardise(drawn, store.latent_mean, store.latent_std)
    torch.testing.assert_close(unstandardise(data, store.latent_mean, store.latent_std), drawn)


def test_a_store_needs_train_clips_and_living_channels(tmp_path: Path) -> None:
    made = writer(tmp_path / "a")
    made.write(0, [clip("a", split="test")])
    with pytest.raises(StoreError, match="'train'"):
        made.finish(words)
    made = writer(tmp_path / "b")
    made.write(0, [clip("a", mean=torch.zeros(10, 2), std=torch.zeros(10, 2))])
    with pytest.raises(StoreError, match="latent channel 0 never changes"):
        made.finish(words)
    with pytest.raises(StoreError, match="no usable clip"):
        writer(tmp_path / "c").finish(words)


def test_rejected_clips_are_listed(tmp_path: Path) -> None:
    made = writer(tmp_path)
    made.write(0, [clip("a")], rejected=[{"id": "b", "reason": "no sound"}])
    manifest = made.finish(words)
    assert manifest["rejected"] == [{"id": "b", "reason": "no sound"}] == FeatureStore(tmp_path).rejected
    assert json.loads((tmp_path / "store.json").read_text())["splits"] == {"train": 1}


def test_reading_beyond_a_clip_is_an_error(tmp_path: Path) -> None:
    made = writer(tmp_path)
    made.write(0, [clip("a", semantic=None), clip("b")])
    made.finish(words)
    store = FeatureStore(tmp_path)
    with pytest.raises(StoreError, match="has no semantic"):
        store.read(0, "semantic")
    with pytest.raises(StoreError, match="leave its mean of 10"):
        store.read(0, "mean", (8, 3))
    with pytest.raises(StoreError, match="'val'"):
        store.split("val")
    with pytest.raises(StoreError, match="no clip 'z'"):
        store.find("z")


def test_damaged_files_are_named(tmp_path: Path) -> None:
    made = writer(tmp_path)
    made.write(0, [clip("a")])
    made.finish(words)
    (tmp_path / "shards" / "00000.safetensors").write_bytes(b"not safetensors")
    with pytest.raises(StoreError, match=r"00000\.safetensors"):
        FeatureStore(tmp_path).read(0, "mean")
    (tmp_path / "store.json").write_text("{")
    with pytest.raises(StoreError, match=r"store\.json"):
        FeatureStore(tmp_path)
