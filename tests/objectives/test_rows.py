"""The rows of a step: dropped conditions, guidance scales, shapes, reproducible draws."""

from __future__ import annotations

import pytest
import torch

from soundvcm.errors import ConfigError, ShapeError
from soundvcm.objectives.alpha_flow import AlphaFlowConfig
from soundvcm.objectives.rows import PairsConfig, RowsConfig, draw_rows, drop_conditions, mislead, rows_at


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_null_rows_lose_everything_at_the_given_rate(conditions_of) -> None:
    kept = drop_conditions(conditions_of(4000), null_share=0.1, modality_dropout=0.0, generator=seeded())
    assert abs(kept.is_empty.double().mean() - 0.1) < 0.02
    whole = ~kept.is_empty
    assert bool((kept.has_video & kept.has_text)[whole].all())


def test_modality_dropout_takes_pictures_and_text_independently(conditions_of) -> None:
    kept = drop_conditions(conditions_of(20000), null_share=0.0, modality_dropout=0.1, generator=seeded())
    assert abs((~kept.has_video).double().mean() - 0.1) < 0.01
    assert abs((~kept.has_text).double().mean() - 0.1) < 0.01
    assert abs(kept.is_empty.double().mean() - 0.01) < 0.004
    assert torch.equal(kept.has_semantic, kept.has_sync)


def test_words_meet_no_pictures_or_those_of_another_row(conditions_of) -> None:
    conditions = conditions_of(20000).without(text=torch.arange(20000) % 2 == 0)
    kept = mislead(conditions, drop=0.3, swap=0.5, generator=seeded())
    worded = conditions.has_text
    assert bool(kept.has_semantic[~worded].all()) and torch.equal(kept.has_sync, conditions.has_sync)
    assert abs((~kept.has_semantic)[worded].double().mean() - 0.3) < 0.02
    changed = (kept.semantic != conditions.semantic).flatten(1).any(dim=1)
    assert not bool((changed & ~worded).any())
    assert abs(changed[worded].double().mean() - 0.5) < 0.02
    assert torch.equal(kept.semantic[changed], conditions.semantic.roll(1, dims=0)[changed])


def test_pictures_of_a_row_that_has_none_are_none(conditions_of) -> None:
    conditions = conditions_of(4).without(semantic=torch.tensor([True, False, False, False]))
    kept = mislead(conditions, drop=0.0, swap=1.0, generator=seeded())
    assert kept.has_semantic.tolist() == [False, False, True, True]


def test_the_paper_s_rows_are_drawn_as_before(conditions_of, draw) -> None:
    plain = draw_rows(RowsConfig(), draw(16, 2, 3), conditions_of(16), None, seeded())
    told = draw_rows(RowsConfig(semantic_swap=0.5), draw(16, 2, 3), conditions_of(16), None, seeded())
    assert torch.equal(plain.conditions.semantic, conditions_of(16).semantic)
    assert not torch.equal(told.conditions.semantic, plain.conditions.semantic)
    with pytest.raises(ConfigError, match="at most 1"):
        RowsConfig().change({"semantic_swap": 0.6, "semantic_dropout": 0.5})


def test_rows_that_arrive_without_anything_are_null_rows(conditions_of, draw) -> None:
    conditions = conditions_of(4).without(video=True, text=torch.tensor([True, False, False, True]))
    rows = draw_rows(RowsConfig(null_share=0.0), draw(4, 2, 3), conditions, None, seeded())
    assert rows.null.tolist() == [True, False, False, True]


def test_noisy_data_lie_on_the_path_of_the_given_noise(conditions_of, draw) -> None:
    data, noise = draw(8, 5, 3), draw(8, 5, 3, seed=2)
    rows = draw_rows(PairsConfig(), data, conditions_of(8), noise, seeded())
    t = rows.t[:, None, None]
    assert torch.allclose(rows.noisy, (1 - t) * data + t * noise)
    assert torch.equal(rows.velocity, noise - data)
    assert rows.noisy.dtype == torch.float32 and rows.device.type == "cpu"


def test_the_same_generator_gives_the_same_rows(conditions_of, draw) -> None:
    def once(seed: int):
        config = PairsConfig(guidance_input=True, endpoint_share=0.2, modality_dropout=0.2)
        return draw_rows(config, draw(16, 5, 3), conditions_of(16), None, seeded(seed))

    first, again, other = once(3), once(3), once(4)
    for name in ("noisy", "t", "s", "guidance", "null", "scale"):
        assert torch.equal(getattr(first, name), getattr(again, name))
    assert not torch.equal(first.noisy, other.noisy)


def test_the_scale_is_drawn_log_uniformly_and_is_one_on_null_rows(conditions_of, draw) -> None:
    config = PairsConfig(guidance_input=True, guidance_range=(1.0, 8.0), null_share=0.2)
    rows = draw_rows(config, draw(4000, 1, 2), conditions_of(4000), None, seeded())
    assert rows.guidance is not None
    assert bool((rows.guidance[rows.null] == 1).all())
    scale = rows.guidance[~rows.null]
    assert 1 <= float(scale.min()) and float(scale.max()) < 8
    assert abs(float((scale < 8**0.5).double().mean()) - 0.5) < 0.03


def test_a_fixed_scale_is_no_input(conditions_of, draw) -> None:
    rows = draw_rows(PairsConfig(guidance=3.0), draw(4, 1, 2), conditions_of(4), None, seeded())
    assert rows.guidance is None and rows.scale.tolist() == [3.0] * 4


def test_velocity_only_overrides_the_share(conditions_of, draw) -> None:
    rows = draw_rows(
        PairsConfig(ratio=0.0), draw(6, 1, 2), conditions_of(6), None, seeded(), velocity_only=True
    )
    assert not bool(rows.times.consistency.any()) and torch.equal(rows.t, rows.s)


def test_rows_at_fixed_times(conditions_of, draw) -> None:
    noise = draw(3, 2, 2, seed=2)
    rows = rows_at(RowsConfig(), draw(3, 2, 2), conditions_of(3), noise, seeded(), t=1.0, s=0.0)
    assert torch.equal(rows.noisy, noise) and bool(rows.times.consistency.all())
    assert not bool(
        rows_at(RowsConfig(), noise, conditions_of(3), None, seeded(), t=1.0, s=1.0).times.consistency.any()
    )


def test_wrong_shapes_are_named(conditions_of, draw) -> None:
    with pytest.raises(ShapeError, match="data has shape"):
        draw_rows(RowsConfig(), draw(3, 2, 2), conditions_of(4), None, seeded())
    with pytest.raises(ShapeError, match="noise has shape"):
        draw_rows(RowsConfig(), draw(3, 2, 2), conditions_of(3), draw(3, 2, 1), seeded())


def test_settings_of_earlier_versions_are_read_as_long_as_they_are_the_constant() -> None:
    for config in (PairsConfig, AlphaFlowConfig):
        assert config.build({"guidance_fade": "hard", "mix_law": "constant"}) == config()
        with pytest.raises(ConfigError, match="guidance_fade"):
            config.build({"guidance_fade": "smooth"})


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"ratio": 1.5}, "ratio"),
        ({"guidance_range": (4.0, 1.0)}, "guidance_range"),
        ({"guidance_range": (0.0, 1.0)}, "guidance_range"),
        ({"guidance_from": 0.9}, "guidance_from"),
        ({"mix": 0.0}, "mix"),
        ({"endpoint_shares": 0.1}, "did you mean 'endpoint_share'"),
    ],
)
def test_settings_out_of_range_are_refused_in_one_line(values: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words) as refused:
        PairsConfig.build(values)
    assert "\n" not in str(refused.value)
