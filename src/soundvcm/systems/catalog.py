"""What can be loaded, as a table: names, licences, rates; and which stack a network belongs to.

Loads neither torch nor a file's tensors, so that a missing file is named at once. Knows the table of weights
and configurations; `loading` does the loading.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from soundvcm import weights
from soundvcm.errors import MissingExtraError, OptionError, WeightsError, nearest
from soundvcm.network import NetworkConfig
from soundvcm.timeline import FrameSpec

SUFFIXES = (".safetensors", ".pth", ".pt", ".bin")
#: latent channels => mode of the paper's codec
MODES = {20: "16k", 40: "44k"}
VOCODERS = ("bigvgan", "small")
#: what the encoders of the paper's stack give (as in MMAudio)
PAPER_WIDTHS = {
    "semantic_dim": 1024,
    "sync_dim": 768,
    "text_dim": 1024,
    "text_tokens": 77,
    "segment_tokens": 8,
}


@dataclass(frozen=True)
class Preset:
    """What is known of a system before it is loaded.

    Attributes:
        name: what users type.
        summary: one line.
        stack: "embedded" ships inside the package; "reference" is MMAudio from its public files; "trained"
            is a two-time network of that size, which somebody trains or adopts.
        licence: of the weights.
        may: what the licence allows, in plain words.
        sample_rate: samples a second of its sound.
        steps: steps by default.
        guidance: "trained in", or the default scale of an outside knob.
    """

    name: str
    summary: str
    stack: str
    licence: str
    may: str
    sample_rate: int
    steps: int
    guidance: str


TINY = Preset(
    "tiny",
    "embedded model, trained on drawn scenes; ships with the package",
    "embedded",
    "MIT",
    "use it and its sounds for anything, keep the notice",
    16_000,
    1,
    "trained in",
)
#: size of the paper's stack => parameters, samples a second
PAPER_SIZES = {
    "small_16k": ("157 M", 16_000),
    "small_44k": ("157 M", 44_100),
    "medium_44k": ("622 M", 44_100),
    "large_44k": ("1.03 G", 44_100),
    "large_44k_v2": ("1.03 G", 44_100),
}


def _reference(size: str) -> Preset:
    count, rate = PAPER_SIZES[size]
    row = weights.part(f"mmaudio_{size}")
    return Preset(
        row.name,
        f"MMAudio, {count} parameters, from its public files",
        "reference",
        row.licence,
        row.may,
        rate,
        25,
        "4.5",
    )


def _trained(size: str) -> Preset:
    count, rate = PAPER_SIZES[size]
    return Preset(
        size,
        f"SoundVCM, {count} parameters, which you train or adopt: no public weights",
        "trained",
        "yours, but non-commercial",
        "use it for non-commercial research: its VAE and CLIP allow no more",
        rate,
        1,
        "trained in",
    )


PRESETS: dict[str, Preset] = {
    preset.name: preset for preset in (TINY, *map(_reference, PAPER_SIZES), *map(_trained, PAPER_SIZES))
}


#: what the encoders of the embedded model look at; and seconds it makes at once
TINY_PICTURES = {
    "semantic": FrameSpec(Fraction(8), 224, 224, every=8),
    "sync": FrameSpec(Fraction(25), 64, 64),
}
TINY_SECONDS = 8


def tiny_network() -> NetworkConfig:
    """The embedded network: the paper's class, small numbers, motion brought in before patching."""
    from soundvcm.network import NetworkConfig

    return NetworkConfig(
        latent_dim=96,
        semantic_dim=192,
        sync_dim=48,
        text_dim=192,
        hidden=160,
        heads=2,
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
        condition_scale=14.0,
        sync_scale=7.0,
        precondition=True,
        covariance_lags=125,
        colour_gate=True,
        colour_edges=(0.01, 0.12),
        learned_empty_text=True,
    )


def preset(name: str) -> Preset:
    """The row of a name.

    Raises:
        OptionError: for an unknown name, with the nearest one.
    """
    if name not in PRESETS:
        raise OptionError(f"no model {name!r}{nearest(name, PRESETS)}")
    return PRESETS[name]


def is_path(name: str) -> bool:
    """Whether a model is given by the path of its file rather than by its name."""
    return name not in PRESETS and (Path(name).suffix.lower() in SUFFIXES or Path(name).is_file())


def trained_file(name: str) -> Path:
    """Where the file of a two-time network of the paper's stack is looked for under its name."""
    return weights.weights_folder() / f"{name}.safetensors"


def stack_of(config: NetworkConfig) -> str | None:
    """Which codec and encoders belong to a network: "embedded", "16k", "44k", or None for none of ours."""
    tiny = tiny_network()
    if all(getattr(config, width) == getattr(tiny, width) for width in PAPER_WIDTHS):
        return "embedded"
    if all(getattr(config, name) == value for name, value in PAPER_WIDTHS.items()):
        return MODES.get(config.latent_dim)
    return None


def saved_config(name: str | Path, facts: dict[str, str]) -> NetworkConfig:
    """The configuration in the header of a network file.

    Raises:
        WeightsError: if there is none.
        ConfigError: if it is of another kind.
    """
    return NetworkConfig.build(config_values(name, facts))


def config_values(name: str | Path, facts: dict[str, str]) -> dict[str, Any]:
    """The values under "config" in a header.

    Raises:
        WeightsError: if there are none.
    """
    try:
        values: dict[str, Any] = json.loads(facts["config"])
    except (KeyError, ValueError):
        raise WeightsError(
            f"{name} does not carry its configuration: it was not written by soundvcm"
        ) from None
    return values


def parts_of(mode: str, vocoder: str = "bigvgan") -> tuple[weights.Part, ...]:
    """The files of everything but the network in a mode ("16k", "44k"): VAE, vocoder, Synchformer, CLIP."""
    rows = weights.system_parts(f"mmaudio_small_{mode}")[1:]
    if vocoder == "bigvgan":
        return rows
    own = weights.part(f"{vocoder}_vocoder_{mode}")
    return tuple(own if row.name.startswith("bigvgan") else row for row in rows)


def require(name: str, vocoder: str = "bigvgan") -> None:
    """Refuse at once, before anything heavy is imported, what cannot be loaded here.

    Raises:
        OptionError: for an unknown name, with the nearest one; for a vocoder where there is none to choose.
        WeightsError: naming the first file that is missing and how to get it.
        MissingExtraError: if the tokenizer of the paper's systems is not installed.
    """
    if vocoder not in VOCODERS:
        raise OptionError(f"no vocoder {vocoder!r}{nearest(vocoder, VOCODERS)}")
    embedded = name == TINY.name or is_path(name) and _mode_of_file(Path(name)) == "embedded"
    if embedded and vocoder != VOCODERS[0]:
        raise OptionError(f"vocoder has nothing to act on with {name}: leave it out")
    if is_path(name):
        mode = _mode_of_file(Path(name))
    elif preset(name).stack == "embedded":
        return
    else:
        mode = "16k" if preset(name).sample_rate == 16_000 else "44k"
        if preset(name).stack == "reference":
            weights.locate(name)
        elif not trained_file(name).is_file():
            raise WeightsError(
                f"{name} has no public weights: train it and give its file, --model FILE.safetensors, or put"
                f" that file at {trained_file(name)}; to begin from MMAudio: soundvcm adopt mmaudio_{name}"
                " --output FILE"
            )
    if mode not in MODES.values():
        return
    for row in parts_of(mode, vocoder):
        weights.locate(row.name)
    for package in ("tokenizers", "ftfy"):
        if find_spec(package) is None:
            raise MissingExtraError(package, "paper")


def _mode_of_file(path: Path) -> str:
    if not path.is_file():
        raise WeightsError(
            f"{path} is not here: give the path of a network file, or a name of: soundvcm models"
        )
    facts = weights.header(path)
    if "config" not in facts:  # a checkpoint of MMAudio: its shapes are read when it is loaded
        return ""
    config = saved_config(path, facts)
    mode = stack_of(config)
    if mode is None:
        raise WeightsError(f"{path}: {misfit(config)}")
    return mode


def misfit(config: NetworkConfig) -> str:
    """Why no stack here belongs to a network, in words."""
    return (
        f"no codec and encoders here belong to a network with {config.latent_dim} latent channels and"
        f" features {config.semantic_dim} / {config.sync_dim} / {config.text_dim} wide (pictures / movement /"
        " words)"
    )
