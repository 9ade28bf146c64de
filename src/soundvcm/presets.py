"""Every named system and recipe: one function a size, one place to add one.

    load("tiny") => Pipeline; recipe("tiny") => TrainingConfig

Heavy parts are imported when a system is loaded. Knows no command line.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soundvcm.config import nearest
from soundvcm.errors import OptionError, WeightsError

if TYPE_CHECKING:
    import torch

    from soundvcm.codec import NeuralCodec
    from soundvcm.network import NetworkConfig, VelocityNetwork
    from soundvcm.pipeline import Pipeline
    from soundvcm.sound import Sampling
    from soundvcm.timeline import Timeline

LONGEST_SECONDS = 8


@dataclass(frozen=True)
class Preset:
    """What is known of a system before it is loaded.

    Attributes:
        name: what users type.
        summary: one line.
        stack: "embedded" ships inside the package; "paper" needs downloaded weights.
        licence: of the weights, in plain words.
        sample_rate: samples a second of its sound.
        steps: network calls by default.
        guidance: "trained in", or the default scale of an outside knob.
    """

    name: str
    summary: str
    stack: str
    licence: str
    sample_rate: int
    steps: int
    guidance: str


TINY = Preset(
    "tiny",
    "embedded model, trained on drawn scenes; ships with the package",
    "embedded",
    "MIT",
    16_000,
    1,
    "trained in",
)
PRESETS: dict[str, Preset] = {TINY.name: TINY}


def tiny_network() -> NetworkConfig:
    """The embedded network: the paper's class, small numbers, motion brought in before patching."""
    from soundvcm.network import NetworkConfig

    return NetworkConfig(
        latent_dim=40,
        semantic_dim=192,
        sync_dim=48,
        text_dim=192,
        hidden=192,
        heads=3,
        joint_blocks=2,
        fused_blocks=4,
        text_tokens=1,
        segment_tokens=0,
        mlp_ratio=3.0,
        mlp_multiple=64,
        in_kernel=3,
        in_mlp_kernel=3,
        ffn_kernel=1,
        out_kernel=3,
        final_kernel=3,
        patch=2,
        sync_to_modulation=False,
        sync_to_input=True,
        sync_ratio=0.8,
        learned_empty_text=True,
    )


def timeline_of(name: str) -> Timeline:
    """A timeline (of one second) with the rates of a system, without loading it.

    Raises:
        OptionError: for an unknown name, with the nearest one.
    """
    from soundvcm.timeline import Timeline

    if name not in PRESETS:
        raise OptionError(f"no model {name!r}{nearest(name, PRESETS)}")
    rate = PRESETS[name].sample_rate
    return Timeline(1, sample_rate=rate, latent_hop=512 if rate < 32_000 else 1024)  # type: ignore[arg-type]


def load(name: str = "tiny", *, device: str = "auto", dtype: str = "float32") -> Pipeline:
    """Load a system by name.

    Args:
        name: one of `PRESETS`.
        device: auto, cpu, cuda or mps.
        dtype: number format of the network: float32 or bfloat16 (float16 on GPUs).

    Raises:
        OptionError: for an unknown name, with the nearest one.
        WeightsError: if a weights file is missing or damaged.
        DeviceError: if the device or the format is not here.
    """
    if name not in PRESETS:
        raise OptionError(f"no model {name!r}{nearest(name, PRESETS)}")
    from soundvcm import runtime

    where = runtime.resolve_device(device)
    return _BUILDERS[name](where, runtime.resolve_dtype(dtype, where))


def _load_tiny(device: torch.device, dtype: torch.dtype) -> Pipeline:
    from soundvcm.encoders import FeatureCache, MotionEncoder, PictureEncoder, WordsEncoder
    from soundvcm.pipeline import Pipeline

    network, sampling = saved_network("tiny_network")
    return Pipeline(
        TINY.name,
        network,
        saved_codec("tiny_codec").to(device),
        PictureEncoder(),
        MotionEncoder(),
        WordsEncoder(),
        sampling=sampling,
        device=device,
        dtype=dtype,
        longest=LONGEST_SECONDS,
        cache=FeatureCache(),
    )


def saved_network(name_or_path: str | Path) -> tuple[VelocityNetwork, Sampling]:
    """A trained network, in evaluation mode, and how it is sampled; the file carries its configuration.

    Raises:
        WeightsError: if the file is missing, damaged or of another kind.
    """
    from soundvcm import weights
    from soundvcm.network import NetworkConfig, VelocityNetwork
    from soundvcm.sound import Sampling

    tensors, facts = weights.load(name_or_path)
    network = VelocityNetwork(NetworkConfig.build(_saved_config(name_or_path, facts)))
    weights.fit(network, tensors, str(name_or_path))
    guidance = float(facts.get("guidance", "1")) if network.config.guidance_input != "none" else None
    return network.eval().requires_grad_(False), Sampling(guidance=guidance)


def saved_codec(name_or_path: str | Path) -> NeuralCodec:
    """A trained embedded codec, in evaluation mode.

    Raises:
        WeightsError: if the file is missing, damaged or of another kind.
    """
    from soundvcm import weights
    from soundvcm.codec import NeuralCodec, NeuralCodecConfig

    tensors, facts = weights.load(name_or_path)
    codec = NeuralCodec(NeuralCodecConfig.build(_saved_config(name_or_path, facts)))
    weights.fit(codec, tensors, str(name_or_path))
    return codec.eval().requires_grad_(False)


def _saved_config(name: str | Path, facts: dict[str, str]) -> dict[str, Any]:
    try:
        values: dict[str, Any] = json.loads(facts["config"])
    except (KeyError, ValueError):
        raise WeightsError(
            f"{name} does not carry its configuration: it was not written by soundvcm"
        ) from None
    return values


_BUILDERS: dict[str, Callable[[torch.device, torch.dtype], Pipeline]] = {"tiny": _load_tiny}
