"""Training objectives: (network as a function, batch) => loss. The front door; see `base` for the interface.

`build(config)` gives the objective of a configuration; `config_of(values)` picks one by its `kind`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, assert_never

import pydantic

from soundvcm.config import Config
from soundvcm.errors import ConfigError, nearest
from soundvcm.objectives.alpha_flow import AlphaFlow, AlphaFlowConfig
from soundvcm.objectives.base import LearnsFromSnapshot, LossTerms, Objective, Velocity
from soundvcm.objectives.flow_matching import FlowMatching, FlowMatchingConfig
from soundvcm.objectives.meanflow import MeanFlow, MeanFlowConfig
from soundvcm.objectives.own_flow import OwnFlow, OwnFlowConfig
from soundvcm.objectives.reflow import Distill, DistillConfig, Reflow, ReflowConfig
from soundvcm.objectives.split_meanflow import SplitMeanFlow, SplitMeanFlowConfig
from soundvcm.objectives.vcm import VelocityConsistency, VelocityConsistencyConfig

ObjectiveConfig = Annotated[
    VelocityConsistencyConfig
    | OwnFlowConfig
    | FlowMatchingConfig
    | MeanFlowConfig
    | AlphaFlowConfig
    | SplitMeanFlowConfig
    | ReflowConfig
    | DistillConfig,
    pydantic.Field(discriminator="kind"),
]
KINDS: dict[str, type[Config]] = {
    "vcm": VelocityConsistencyConfig,
    "own_flow": OwnFlowConfig,
    "flow_matching": FlowMatchingConfig,
    "meanflow": MeanFlowConfig,
    "alpha_flow": AlphaFlowConfig,
    "split_meanflow": SplitMeanFlowConfig,
    "reflow": ReflowConfig,
    "distill": DistillConfig,
}

__all__ = [
    "KINDS",
    "AlphaFlowConfig",
    "DistillConfig",
    "FlowMatchingConfig",
    "LearnsFromSnapshot",
    "LossTerms",
    "MeanFlowConfig",
    "Objective",
    "ObjectiveConfig",
    "OwnFlow",
    "OwnFlowConfig",
    "ReflowConfig",
    "SplitMeanFlowConfig",
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
        case OwnFlowConfig():
            return OwnFlow(config)
        case FlowMatchingConfig():
            return FlowMatching(config)
        case MeanFlowConfig():
            return MeanFlow(config)
        case AlphaFlowConfig():
            return AlphaFlow(config)
        case SplitMeanFlowConfig():
            return SplitMeanFlow(config)
        case DistillConfig():
            return Distill(config)
        case ReflowConfig():
            return Reflow(config)
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
