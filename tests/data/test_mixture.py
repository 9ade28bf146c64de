"""The mixture: order as a pure function of (seed, step), shares, crops, absent modalities, fresh draws."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from soundvcm.data.groups import take_turns
from soundvcm.data.mixture import Batch, Mixture, MixtureConfig, mixed_seed
from soundvcm.data.shards import Clip, StoreWriter
from soundvcm.data.store import FeatureStore
from soundvcm.errors import OptionError, StoreError

RATES = {"latents": Fraction(125, 4), "semantic": Fraction(1), "sync": Fraction(25)}
NAMES = {"codec": "c", "semantic": "s", "sync": "y", "text": "t"}


def words(texts: list[str]) -> torch.Tensor:
    return torch.stack([torch.full((1, 4), float(len(text))) for text in texts])


def ramp(rows: int, width: int, rate: Fraction) -> torch.Tensor:
    """Each row holds the time (s) it stands for, so that a crop shows where it was taken."""
    return (torch.arange(rows) / float(rate))[:, None].expand(rows, width).clone()


def clip(
    name: str, seconds: float = 2.0, *, video: bool = True, captions: tuple[str, ...] = ("x",), **more: object
) -> Clip:
    exact = Fraction(str(seconds))
    n, f, g = -(-exact * 125 // 4), -(-exact // 1), exact * 25 // 1
    number = sum(map(ord, name)) % 17
    mean = ramp(int(n), 3, RATES["latents"]) + torch.tensor([0.0, number, -number])
    values = {
        "semantic": ramp(int(f), 2, Fraction(1)) if video else None,
        "sync": ramp(int(g), 5, Fraction(25)) if video else None,
        "split": "train",
        **more,
    }
    return Clip(name, seconds=exact, captions=captions, mean=mean, std=torch.zeros(int(n), 3), **values)  # type: ignore[arg-type]


def make(folder: Path, clips: list[Clip], rates: dict[str, Fraction] = RATES, **names: str) -> FeatureStore:
    writer = StoreWriter(folder, fingerprint=NAMES | names, rates=rates)
    writer.write(0, clips)
    writer.finish(words)
    return FeatureStore(folder)


def same(one: Batch, other: Batch) -> bool:
    features = all(
        torch.equal(getattr(one.conditions, name), getattr(other.conditions, name))
        for name in one.conditions.__dataclass_fields__
    )
    return one.ids == other.ids and torch.equal(one.data, other.data) and features


@pytest.fixture
def video(tmp_path: Path) -> FeatureStore:
    return make(tmp_path / "video", [clip(f"v{k:02d}") for k in range(10)])


@pytest.fixture
def sound(tmp_path: Path) -> FeatureStore:
    return make(tmp_path / "sound", [clip(f"a{k:02d}", video=False) for k in range(30)])


def test_turns_are_dealt_out_evenly() -> None:
    for shares in ([1, 1], [1, 2, 3], [5], [0, 1, 0], [7, 1, 1, 1], [Fraction(1, 3), Fraction(1, 7)]):
        exact = [Fraction(share) for share in shares]
        counts = [0] * len(exact)
        for turn in range(200):
            who, before = take_turns(turn, exact)
            assert before == counts[who], "each one's turns are numbered without gap"
            counts[who] += 1
            for share, count in zip(exact, counts, strict=True):
                assert abs(count - (turn + 1) * share / sum(exact)) <= len(exact)


def test_batches_do_not_depend_on_who_asks_when(video: FeatureStore, sound: FeatureStore) -> None:
    def new() -> Mixture:
        return Mixture([video, sound], MixtureConfig(), rows=6, seed=3)

    straight = [new().batch(step) for step in range(8)]
    other = new()
    assert all(same(other.batch(step), straight[step]) for step in (7, 2, 2, 5, 0)), "any order, any process"
    with ThreadPoolExecutor(4) as pool:
        assert all(map(same, pool.map(other.batch, range(8)), straight)), "any number of workers"
    assert not same(Mixture([video, sound], MixtureConfig(), rows=6, seed=4).batch(0), straight[0])


def test_parts_make_the_whole_batch(video: FeatureStore) -> None:
    mixture = Mixture([video], MixtureConfig(), rows=7, seed=3)
    whole = mixture.batch(4)
    for parts in (2, 3, 7):
        split = [mixture.batch(4, part, parts) for part in range(parts)]
        assert max(len(b.ids) for b in split) - min(len(b.ids) for b in split) <= 1
        assert [name for b in split for name in b.ids] == whole.ids == mixture.ids(4), (
            "no row lost, none twice"
        )
        assert torch.equal(torch.cat([b.data for b in split]), whole.data)
    with pytest.raises(OptionError, match="8 .*7 rows"):
        mixture.batch(0, 0, 8)


def test_every_clip_once_per_round_in_fresh_order(video: FeatureStore) -> None:
    mixture = Mixture([video], MixtureConfig(), rows=5, seed=1)
    rounds = [mixture.ids(step) + mixture.ids(step + 1) for step in (0, 2, 4)]
    assert all(sorted(names) == [f"v{k:02d}" for k in range(10)] for names in rounds)
    assert len({tuple(names) for names in rounds}) == 3


@pytest.mark.parametrize(("fraction", "expected"), [(0.5, 60), (0.7, 84), (1.0, 120), (0.0, 0)])
def test_share_of_rows_with_pictures(
    video: FeatureStore, sound: FeatureStore, fraction: float, expected: int
) -> None:
    mixture = Mixture([sound, video], MixtureConfig(av_fraction=fraction), rows=12, seed=1)
    kinds = Counter(name[0] for step in range(10) for name in mixture.ids(step))
    assert abs(kinds["v"] - expected) <= 1 and sum(kinds.values()) == 120


def test_weights_and_clip_counts_share_out(video: FeatureStore, sound: FeatureStore, tmp_path: Path) -> None:
    more = make(tmp_path / "more", [clip(f"m{k:02d}", video=False) for k in range(10)])
    kinds = Counter(
        n[0]
        for step in range(10)
        for n in Mixture([video, sound, more], MixtureConfig(), rows=16, seed=1).ids(step)
    )
    assert kinds == {"v": 80, "a": 60, "m": 20}, "sound stores in proportion to their clips"
    mixture = Mixture([video, sound], MixtureConfig(), rows=16, seed=1, weights=[3, 1])
    assert Counter(n[0] for step in range(4) for n in mixture.ids(step)) == {"v": 48, "a": 16}
    with pytest.raises(OptionError, match="do not fit 2 stores"):
        Mixture([video, sound], MixtureConfig(), rows=16, seed=1, weights=[1])


def test_absent_modalities_are_flags(video: FeatureStore, tmp_path: Path) -> None:
    mute = make(
        tmp_path / "mute", [clip("n", video=False, captions=()), clip("e", video=False, captions=("",))]
    )
    batch = Mixture([video, mute], MixtureConfig(), rows=8, seed=1).batch(0)
    here = torch.tensor([name[0] == "v" for name in batch.ids])
    for flag in (batch.conditions.has_semantic, batch.conditions.has_sync, batch.conditions.has_text):
        assert torch.equal(flag, here) and int(flag.sum()) == 4
    assert batch.conditions.sync.shape == (8, 50, 5) and not batch.conditions.sync[~here].any()


def test_stores_without_pictures_take_the_networks_widths(sound: FeatureStore) -> None:
    widths = {"latents": 3, "semantic": 9, "sync": 11, "text": 4, "text_tokens": 1}
    conditions = Mixture([sound], MixtureConfig(), rows=2, seed=1, widths=widths).batch(0).conditions
    assert conditions.semantic.shape[2] == 9 and conditions.sync.shape[2] == 11
    with pytest.raises(StoreError, match="text_dim"):
        Mixture([sound], MixtureConfig(), rows=2, seed=1, widths=widths | {"text": 6})


def test_posterior_caption_and_crop_are_fresh_at_each_visit(tmp_path: Path) -> None:
    one = Clip(
        "only",
        "train",
        Fraction(8),
        ("a", "bb", "ccc"),
        torch.randn(250, 3, generator=torch.Generator().manual_seed(0)),
        torch.full((250, 3), 0.5),
    )
    mixture = Mixture([make(tmp_path, [one])], MixtureConfig(), rows=1, seed=1)
    seen = [mixture.batch(step) for step in range(60)]
    texts = Counter(float(batch.conditions.text[0, 0, 0]) for batch in seen)
    assert set(texts) == {1.0, 2.0, 3.0} and min(texts.values()) > 8
    data = torch.stack([batch.data for batch in seen])
    spread = (data.std(0) * mixture.latent_std).mean()
    assert abs(float(spread) - 0.5) < 0.01
    assert abs(float(data.mean())) < 0.01 and abs(float(data.std()) - 1) < 0.01, (
        "standardised over posterior draws"
    )


@pytest.mark.parametrize("length", [1.0, 2.0, 1.6])
def test_crops_stay_together(tmp_path: Path, length: float) -> None:
    """Latents, sync and semantic tokens of a crop come from the same time; starts lie on the 0.16 s grid."""
    store = make(tmp_path, [clip(f"c{k}", 8.0) for k in range(4)])
    mixture = Mixture(
        [store],
        MixtureConfig(crop_seconds=(length,)),
        rows=64,
        seed=1,
        latent_mean=torch.zeros(3),
        latent_std=torch.ones(3),
    )
    batch = mixture.batch(0)
    exact = Fraction(str(length))
    assert batch.data.shape[1] == -(-exact * 125 // 4) and batch.conditions.sync.shape[1] == exact * 25 // 1
    assert batch.conditions.semantic.shape[1] == -(-exact // 1)
    starts = batch.data[:, 0, 0]
    assert float((batch.conditions.sync[:, 0, 0] - starts).abs().max()) < 2e-3
    assert float((batch.conditions.semantic[:, 0, 0] - starts).abs().max()) <= 0.5 + 2e-3
    steps = starts / 0.16
    assert float((steps - steps.round()).abs().max()) < 0.02 and len(steps.round().unique()) > 20
    assert float(starts.min()) == 0.0 and 8 - length - 0.2 < float(starts.max()) <= 8 - length + 1e-3
    after = batch.data[:, :, 0] - starts[:, None]
    torch.testing.assert_close(after[0], torch.arange(batch.data.shape[1]) / 31.25, atol=4e-3, rtol=0)


def test_a_batch_has_one_length_and_lengths_take_turns(tmp_path: Path) -> None:
    store = make(tmp_path, [clip(f"c{k}", 8.0 if k < 6 else 2.0) for k in range(8)])
    cropped = Mixture([store], MixtureConfig(crop_seconds=(1.0, 4.0, 4.0)), rows=3, seed=1)
    lengths = Counter(cropped.batch(step).data.shape[1] for step in range(30))
    assert lengths == {32: 10, 125: 20}
    assert all(
        int(n[1:]) < 6 for s in range(9) for n in cropped.ids(s) if cropped.batch(s).data.shape[1] == 125
    )
    whole = Mixture([store], MixtureConfig(), rows=3, seed=1)
    assert Counter(whole.batch(step).data.shape[1] for step in range(40)) == {250: 30, 63: 10}
    visits = Counter(name for step in range(40) for name in whole.ids(step))
    assert set(visits.values()) == {15}, "whole clips: each as often as any other, whatever its length"


def test_crops_that_cannot_be(video: FeatureStore, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="crop_seconds"):
        Mixture([video], MixtureConfig(crop_seconds=(3.0,)), rows=2, seed=1)
    segments = make(tmp_path / "segments", [clip("a")], {"latents": Fraction(125, 4)})
    with pytest.raises(OptionError, match="crop_seconds"):
        Mixture([segments], MixtureConfig(crop_seconds=(1.0,)), rows=2, seed=1)
    noise = make(tmp_path / "noise", [clip("a", noise=torch.randn(63, 3))])
    with pytest.raises(OptionError, match="recorded noise"):
        Mixture([noise], MixtureConfig(crop_seconds=(1.0,)), rows=2, seed=1)


def test_recorded_noise_comes_along(video: FeatureStore, tmp_path: Path) -> None:
    noise = torch.randn(63, 3, generator=torch.Generator().manual_seed(5)).half().float()
    pairs = make(tmp_path / "pairs", [clip("a", noise=noise)])
    batch = Mixture([pairs], MixtureConfig(), rows=2, seed=1).batch(0)
    assert (
        batch.noise is not None and torch.equal(batch.noise[0], noise) and torch.equal(batch.noise[1], noise)
    )
    assert batch.to(torch.device("cpu")).noise is not None
    with pytest.raises(StoreError, match="does not mix with one without"):
        Mixture([pairs, video], MixtureConfig(), rows=4, seed=1, weights=[1, 1]).batch(0)


def test_statistics_follow_the_shares(tmp_path: Path) -> None:
    far = torch.randn(63, 3, generator=torch.Generator().manual_seed(1))
    still = torch.zeros(63, 3)
    pictures = {"semantic": torch.zeros(2, 2), "sync": torch.zeros(50, 5)}
    low = make(tmp_path / "low", [Clip("low", "train", Fraction(2), ("x",), far, still, **pictures)])
    high = make(tmp_path / "high", [Clip("high", "train", Fraction(2), ("x",), far + 10, still)])
    for fraction in (0.5, 0.9):
        mixture = Mixture([low, high], MixtureConfig(av_fraction=fraction), rows=20, seed=1)
        data = torch.cat([mixture.batch(step).data for step in range(4)])
        torch.testing.assert_close(data.mean((0, 1)), torch.zeros(3), atol=1e-2, rtol=0)
        torch.testing.assert_close(data.std((0, 1), unbiased=False), torch.ones(3), atol=1e-2, rtol=0)
    given = Mixture(
        [low],
        MixtureConfig(),
        rows=2,
        seed=1,
        latent_mean=torch.full((3,), 5.0),
        latent_std=torch.full((3,), 2.0),
    )
    torch.testing.assert_close(given.batch(0).data[0], (low.read(0, "mean") - 5) / 2)


def test_description_and_seeds(video: FeatureStore) -> None:
    facts = Mixture([video], MixtureConfig(), rows=2, seed=1).describe()
    assert facts["clips"] == 10 and facts["fingerprint"] == NAMES and facts["shares"] == [["video", "1"]]
    seeds = {mixed_seed("a", k) for k in range(100)}
    assert len(seeds) == 100 and max(seeds) < 2**63 and mixed_seed(1, 23) != mixed_seed(12, 3)
    with pytest.raises(OptionError, match="at least one store"):
        Mixture([], MixtureConfig(), rows=2, seed=1)


def test_emphasis_scales_channels_by_their_importance(tmp_path: Path) -> None:
    """Standardised channels have the standard deviation importance ** emphasis; stores without it, 1."""
    writer = StoreWriter(tmp_path / "told", fingerprint=NAMES, rates=RATES, importance=[1.0, 0.25, 0.04])
    writer.write(0, [clip(f"v{k:02d}") for k in range(10)])
    writer.finish(words)
    told = FeatureStore(tmp_path / "told")
    plain = Mixture([told], MixtureConfig(), rows=10, seed=1)
    scaled = Mixture([told], MixtureConfig(emphasis=0.5), rows=10, seed=1)
    assert torch.equal(plain.data_std, torch.ones(3))
    assert torch.allclose(scaled.data_std, torch.tensor([1.0, 0.5, 0.2]))
    assert torch.allclose(scaled.batch(0).data, plain.batch(0).data * scaled.data_std, atol=1e-6)
    back = scaled.batch(0).data * scaled.latent_std + scaled.latent_mean
    assert torch.allclose(back, plain.batch(0).data * plain.latent_std + plain.latent_mean, atol=1e-5)
    untold = make(tmp_path / "untold", [clip(f"v{k:02d}") for k in range(10)])
    assert untold.importance is None
    assert torch.equal(
        Mixture([untold], MixtureConfig(emphasis=0.5), rows=10, seed=1).data_std, torch.ones(3)
    )
    with pytest.raises(StoreError, match="begun"):
        StoreWriter(tmp_path / "told", fingerprint=NAMES, rates=RATES)


def test_pictures_get_fresh_noise_and_nothing_else_moves(video: FeatureStore, sound: FeatureStore) -> None:
    plain, noisy = (Mixture([video], MixtureConfig(semantic_noise=n), rows=10, seed=1) for n in (0.0, 0.5))
    first, again = (noisy.batch(step) for step in (0, 1))
    assert torch.equal(first.data, plain.batch(0).data) and same(first, noisy.batch(0))
    added = [
        {
            name: batch.conditions.semantic[k] - before.conditions.semantic[k]
            for k, name in enumerate(batch.ids)
        }
        for batch, before in ((first, plain.batch(0)), (again, plain.batch(1)))
    ]
    sizes = torch.stack(list(added[0].values())).square().sum(-1)
    assert 0.5**2 * 0.5 < float(sizes.mean()) < 0.5**2 * 3
    assert all(not torch.allclose(added[0][name], added[1][name]) for name in added[0])
    absent = Mixture([sound], MixtureConfig(semantic_noise=0.5), rows=2, seed=1).batch(0)
    assert not bool(absent.conditions.semantic.any())


def test_autocovariance_is_of_the_standardised_latents(tmp_path: Path) -> None:
    """A channel that never changes in a clip keeps its variance at every lag; white ones lose it at once."""
    rng = torch.Generator().manual_seed(3)
    clips = []
    for k in range(40):
        still = torch.randn(1, 1, generator=rng).expand(200, 1)
        white, slow = torch.randn(200, 1, generator=rng), torch.randn(204, 1, generator=rng)
        mean = torch.cat([still, white, slow.unfold(0, 5, 1).mean(-1)], dim=1)
        clips.append(Clip(f"c{k}", "train", Fraction("6.4"), ("x",), mean, torch.full((200, 3), 0.5)))
    writer = StoreWriter(tmp_path / "s", fingerprint=NAMES, rates=RATES, importance=[1.0, 0.25, 0.25])
    writer.write(0, clips)
    writer.finish(words)
    mixture = Mixture([FeatureStore(tmp_path / "s")], MixtureConfig(emphasis=0.5), rows=4, seed=1)
    found = mixture.autocovariance(8)
    assert found.shape == (1, 9, 3)
    assert torch.allclose(found[0, 0], torch.tensor([1.0, 0.25, 0.25]), rtol=0.02)
    still, white, slow = found[0].T
    assert torch.allclose(still[1:], still[1].expand(8), rtol=0.02) and 0.6 < float(still[1]) < 1.0
    assert float(white[1:].abs().max()) < 0.02
    part = slow / (0.2 / (0.2 + 0.25)) / 0.25  # the posterior's variance counts at lag 0 only
    assert torch.allclose(part[1:5], torch.tensor([0.8, 0.6, 0.4, 0.2]), atol=0.06)
    with pytest.raises(StoreError, match="covariance_lags"):
        mixture.autocovariance(200)
