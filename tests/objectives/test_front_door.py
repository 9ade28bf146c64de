"""The front door: names to objectives, one line for a wrong name."""

from __future__ import annotations

import pydantic
import pytest
import torch

from soundvcm import objectives
from soundvcm.config import Config
from soundvcm.errors import ConfigError
from soundvcm.objectives import KINDS, ObjectiveConfig, build, config_of


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_is_built_and_gives_a_loss_with_gradient(kind, make_net, conditions_of, draw) -> None:
    net, config = make_net(), config_of({"kind": kind})
    assert config.kind == kind and type(config) is KINDS[kind]
    terms = build(config)(
        net, net, draw(8, 5, 3), conditions_of(8), noise=draw(8, 5, 3, seed=2), progress=0.5,
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    terms.loss.backward()
    assert terms.loss.ndim == 0 and bool(terms.loss.isfinite())
    assert {"loss", "mse", "t", "s", "consistency"} <= set(terms.rows)
    assert all(row.shape == (8,) for row in terms.rows.values())
    assert all(isinstance(value, float) for value in terms.watch.values())
    assert all(parameter.grad is not None for parameter in net.parameters())


def test_a_training_configuration_holds_any_of_them() -> None:
    class Holder(Config):
        objective: ObjectiveConfig

    for kind in KINDS:
        holder = Holder.build({"objective": {"kind": kind}})
        again = Holder.build(holder.model_dump(mode="json"))
        assert again == holder and type(again.objective) is KINDS[kind]
    with pytest.raises(ConfigError):
        Holder.build({"objective": {"kind": "nothing"}})


def test_dotted_overrides_are_checked() -> None:
    config = config_of({"kind": "vcm"}).change({"ratio": "0.5", "residual": "quotient"})
    assert config.ratio == 0.5
    with pytest.raises(ConfigError, match="'ratio'"):
        config.change({"ratios": 0.5})


def test_unknown_kinds_get_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match="'flow_matching'"):
        config_of({"kind": "flowmatching"})


def test_the_default_is_the_paper() -> None:
    assert config_of({}) == objectives.VelocityConsistencyConfig()


def test_configurations_are_frozen() -> None:
    with pytest.raises(pydantic.ValidationError):
        config_of({}).ratio = 0.1  # type: ignore[misc]


def test_the_union_covers_all_kinds() -> None:
    members = pydantic.TypeAdapter(ObjectiveConfig).json_schema()["discriminator"]["mapping"]
    assert set(members) == set(KINDS)
