"""Training objectives: (network as a function, batch) => loss. The front door; see `base` for the interface.

`build(config)` gives the objective of a configuration; `config_of(values)` picks one by its `kind`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, assert_never

import pydantic

from soundvcm.config import Config, nearest
from soundvcm.errors import ConfigError
from soundvcm.objectives.base import LossTerms, Objective, Velocity
from soundvcm.objectives.flow_matching import FlowMatching, FlowMatchingConfig
from soundvcm.objectives.vcm import VelocityConsistency, VelocityConsistencyConfig

ObjectiveConfig = Annotated[
    VelocityConsistencyConfig | FlowMatchingConfig,
    pydantic.Field(discriminator="kind"),
]
KINDS: dict[str, type[Config]] = {
    "vcm": VelocityConsistencyConfig,
    "flow_matching": FlowMatchingConfig,
}

__all__ = [
    "KINDS",
    "FlowMatchingConfig",
    "LossTerms",
    "Objective",
    "ObjectiveConfig",
    "Velocity",
    "VelocityConsistencyConfig",
    "build",
    "config_of",
]


def build(config: ObjectiveConfig) -> Objective:
    """The objective a configuration describes."""
    match config:
        case VelocityConsistencyConfig():
            return VelocityConsistency(config)
        case FlowMatchingConfig():
            return FlowMatching(config)
        case _:
            assert_never(config)


def config_of(values: Mapping[str, Any]) -> ObjectiveConfig:
    """The configuration named by `values["kind"]`, with its other fields.

    Raises:
        ConfigError: if the kind is unknown (the nearest is named) or a field is wrong.
    """
    kind = values.get("kind", "vcm")
    if kind not in KINDS:
        raise ConfigError(f"unknown objective {kind!r}{nearest(str(kind), KINDS)}")
    return KINDS[kind].build(values)  # type: ignore[return-value]
