"""The velocity network: front door of this folder.

Configurations and sizes come without torch; the network itself is loaded when first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from soundvcm.network.config import NetworkConfig
from soundvcm.network.sizes import SIZES

if TYPE_CHECKING:
    from soundvcm.network.conditioning import Encoded
    from soundvcm.network.model import VelocityNetwork, adopt
    from soundvcm.network.recognition import recognise

__all__ = ["SIZES", "Encoded", "NetworkConfig", "VelocityNetwork", "adopt", "recognise"]

_HOMES = {
    "Encoded": "conditioning",
    "VelocityNetwork": "model",
    "adopt": "model",
    "recognise": "recognition",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"soundvcm.network.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'soundvcm.network' has no attribute {name!r}")
