"""Loading by name, or by the path of a network file: load(name or path) => Pipeline.

The embedded model is put together here, the paper's systems in `mmaudio`; the table of names is in
`catalog`. Heavy parts are imported when a system is loaded. Knows no command line.
"""

from __future__ import annotations

import json
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from soundvcm import weights
from soundvcm.errors import OptionError, WeightsError
from soundvcm.systems.catalog import (
    PRESETS,
    TINY,
    TINY_SECONDS,
    Preset,
    config_values,
    is_path,
    preset,
    require,
    saved_config,
    stack_of,
    tiny_network,
    trained_file,
)

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from soundvcm.codec import AudioCodec, NeuralCodec
    from soundvcm.generate.options import Sampling
    from soundvcm.generate.pipeline import Pipeline
    from soundvcm.network import VelocityNetwork
    from soundvcm.timeline import Timeline

__all__ = [
    "PRESETS",
    "Preset",
    "load",
    "require",
    "saved_codec",
    "saved_network",
    "timeline_of",
    "tiny_network",
]

#: beside a network that was trained on the latents of another codec than the shipped one
CODEC_BESIDE = "codec.safetensors"
CODEC_DTYPES = ("float32", "bfloat16")


def timeline_of(name: str) -> Timeline:
    """A timeline (of one second) with the rates of a system, without loading it.

    Raises:
        OptionError: for an unknown name, with the nearest one.
        WeightsError: for a path that holds no network of ours.
    """
    from soundvcm.timeline import Timeline

    if is_path(name):
        config = saved_config(name, weights.header(Path(name)))
        rate = 44_100 if stack_of(config) == "44k" else 16_000
    else:
        rate = preset(name).sample_rate
    return Timeline(1, sample_rate=rate, latent_hop=512 if rate < 32_000 else 1024)  # type: ignore[arg-type]


def load(
    name: str = "tiny",
    *,
    device: str = "auto",
    dtype: str = "float32",
    compile: bool = False,
    frame_reuse_threshold: float = 0.0,
    feature_stride: int = 1,
    codec_dtype: str = "float32",
    vocoder: str = "bigvgan",
    **renamed: float,
) -> Pipeline:
    """Load a system by name, or a network by the path of its file.

    Args:
        name: one of `PRESETS`; or a file that `soundvcm train`, `average` or `adopt` wrote, or a checkpoint
            of MMAudio's own training: its widths say which codec and encoders belong to it.
        device: auto, cpu, cuda or mps.
        dtype: number format of the network (and of the paper's encoders): float32 or bfloat16 (float16 on
            GPUs).
        compile: translate the network's blocks with torch.compile at their first call; the sound changes by
            rounding only. Encoders and codec stay as they are.
        frame_reuse_threshold: the paper's systems need not encode a picture again that differs from the last
            encoded one by no more than this (mean absolute difference, of 255); 0 spares exact repeats only.
        feature_stride: the paper's systems encode one picture in so many and, above 1, every second segment
            of movement; features between are made of their neighbours'. 1 changes nothing; what 2 and 4
            change is in docs/speed.md.
        codec_dtype: bfloat16 has the paper's systems decode in it, all but the last steps: a second take is
            faster on processors that compute in it, and noise is added (docs/speed.md).
        vocoder: "small" has the paper's systems turn spectra into sound with a small vocoder that we trained
            and ship, in place of BigVGAN, whose file is then not needed: a second take takes an eighth of the
            time, and sounds less clean (docs/speed.md).
        renamed: near_pictures, as frame_reuse_threshold was called until 30 November 2026.

    Raises:
        OptionError: for an unknown name, with the nearest one; for a threshold where it has no effect.
        WeightsError: if a weights file is missing, damaged or of another network.
        MissingExtraError: if the tokenizer of the paper's systems is not installed.
        DeviceError: if the device, the format or what compiling needs is not here.
    """
    for old, value in renamed.items():
        if old != "near_pictures":
            raise OptionError(f"load has no option {old!r}")
        told = "near_pictures is called frame_reuse_threshold now; the old name goes with the next version"
        warnings.warn(told, DeprecationWarning, stacklevel=2)
        frame_reuse_threshold = value
    if feature_stride < 1:
        raise OptionError(f"feature_stride is a number of pictures, at least 1, not {feature_stride}")
    if codec_dtype not in CODEC_DTYPES:
        raise OptionError(f"unknown codec_dtype {codec_dtype!r}: use one of {', '.join(CODEC_DTYPES)}")
    require(name, vocoder)
    from soundvcm import runtime

    where = runtime.resolve_device(device)
    pipeline = _assembled(
        name, where, runtime.resolve_dtype(dtype, where), frame_reuse_threshold, feature_stride, vocoder
    )
    if codec_dtype != "float32":
        narrowed(name, pipeline.codec)
    if compile:
        runtime.compile_forward([*pipeline.network.joint, *pipeline.network.fused], where)
    return pipeline


def narrowed(name: str, codec: AudioCodec) -> None:
    """Have a codec decode in bfloat16.

    Raises:
        OptionError: if it is not one of the paper's.
    """
    from soundvcm.codec import PaperCodec

    if not isinstance(codec, PaperCodec):
        raise OptionError(f"codec_dtype has nothing to act on with {name}: leave it out")
    codec.narrow()


def _assembled(
    name: str, where: torch.device, form: torch.dtype, near: float, stride: int, vocoder: str
) -> Pipeline:
    from soundvcm.systems import mmaudio

    if name == TINY.name:
        path = weights.locate("tiny_network")
        return _embedded(name, path, *saved_network("tiny_network"), where, form, near, stride)
    if name in PRESETS and PRESETS[name].stack == "reference":
        return mmaudio.reference(name, where, form, near, stride, vocoder)
    path = Path(name) if is_path(name) else trained_file(name)
    if "config" not in weights.header(path):
        return mmaudio.reference_file(path, where, form, near, stride, vocoder)
    network, sampling = saved_network(path)
    title = path.stem if is_path(name) else name
    if stack_of(network.config) == "embedded":
        return _embedded(title, path, network, sampling, where, form, near, stride)
    return mmaudio.trained(title, network, sampling, where, form, near, stride, vocoder)


def _embedded(
    name: str,
    path: Path,
    network: VelocityNetwork,
    sampling: Sampling,
    device: torch.device,
    dtype: torch.dtype,
    near: float,
    stride: int,
) -> Pipeline:
    for option, given in (("frame_reuse_threshold", near), ("feature_stride", stride - 1)):
        if given:
            raise OptionError(
                f"{option} has nothing to act on with {name}, which encodes one picture a second: leave it"
                " out"
            )
    from soundvcm.encoders import FeatureCache, ImageEncoder, MotionEncoder, TextEmbedder
    from soundvcm.generate.pipeline import Pipeline
    from soundvcm.generate.reference_sounds import ReferenceSounds
    from soundvcm.timeline import Timeline, exact_seconds

    own = path.with_name(CODEC_BESIDE)
    with ThreadPoolExecutor(1, thread_name_prefix="soundvcm-load") as aside:
        found = aside.submit(saved_codec, own if own.is_file() else "tiny_codec")
        text = TextEmbedder()
        pictures = ImageEncoder.that_made(weights.header(path).get("data", ""))
    sound = found.result().to(device)
    if sound.dim != network.config.latent_dim:
        raise WeightsError(
            f"{name} makes latents {network.config.latent_dim} wide, its codec takes {sound.dim}: put the"
            f" codec it was trained with beside it, as {CODEC_BESIDE}"
        )
    return Pipeline(
        name,
        network,
        sound,
        pictures,
        MotionEncoder(),
        text,
        timeline=Timeline(
            exact_seconds(TINY_SECONDS), sample_rate=sound.sample_rate, latent_hop=sound.latent_hop
        ),
        sampling=sampling,
        device=device,
        dtype=dtype,
        longest=TINY_SECONDS,
        cache=FeatureCache(),
        reference=ReferenceSounds(text.encode),
    )


def saved_network(name_or_path: str | Path) -> tuple[VelocityNetwork, Sampling]:
    """A trained network, in evaluation mode, and how it is sampled; the file carries its configuration.

    Raises:
        WeightsError: if the file is missing, damaged or of another kind.
    """
    from soundvcm.generate.options import Sampling
    from soundvcm.network import VelocityNetwork

    tensors, facts = weights.load(name_or_path)
    config = saved_config(name_or_path, facts)
    full = {key: value.float() for key, value in tensors.items()}
    if "base" in facts:
        full = _on_base(name_or_path, full, json.loads(facts["base"]))
    network = weights.built(lambda: VelocityNetwork(config), full, str(name_or_path))
    if "sampling" in facts:
        sampling = _sampling(name_or_path, facts["sampling"])
    else:
        told = config.guidance_input != "none"
        sampling = Sampling(guidance=float(facts.get("guidance", "1")) if told else None)
    return network, sampling


def _on_base(name: str | Path, small: dict[str, Tensor], base: dict[str, str]) -> dict[str, Tensor]:
    """Adapters on the weights that they were trained on, which are looked for by name and by path.

    Raises:
        WeightsError: if those weights are not here or are others.
    """
    from soundvcm.network import with_adapters

    folder, file = Path(name).parent, Path(base["file"])
    found = [path for path in (folder / file, folder / file.name) if path.is_file()]
    if not found and file.name == weights.part("tiny_network").file:
        found = [weights.locate("tiny_network")]
    if not found:
        raise WeightsError(f"{name} holds adapters of {base['file']}: put that file beside it")
    if weights.digest(found[0]) != base["sha256"]:
        raise WeightsError(f"{name} holds adapters of other weights than {found[0]} has now")
    tensors, _ = weights.load(found[0])
    return with_adapters({key: value.float() for key, value in tensors.items()}, small)


def _sampling(name: str | Path, text: str) -> Sampling:
    from soundvcm.generate.options import Sampling

    try:
        return Sampling(**json.loads(text))
    except (TypeError, ValueError):
        raise WeightsError(f"{name}: how it is sampled ({text!r}) is not understood here") from None


def saved_codec(name_or_path: str | Path) -> NeuralCodec:
    """A trained embedded codec, in evaluation mode.

    Raises:
        WeightsError: if the file is missing, damaged or of another kind.
    """
    from soundvcm.codec import NeuralCodec, NeuralCodecConfig

    tensors, facts = weights.load(name_or_path)
    config = NeuralCodecConfig.build(config_values(name_or_path, facts))
    full = {key: value.float() for key, value in tensors.items()}
    return weights.built(lambda: NeuralCodec(config), full, str(name_or_path))
