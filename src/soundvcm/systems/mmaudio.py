"""The paper's stack put together: MMAudio's networks and ours, with CLIP, Synchformer, the VAE and BigVGAN.

    reference(name) => Pipeline;  trained(name, network) => Pipeline;  adopt_file(source, output) => header

A network's widths say which stack it belongs to. Knows which file is which; no command line, no download.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import soundvcm
from soundvcm import weights
from soundvcm.errors import OptionError, WeightsError
from soundvcm.generate.options import Sampling
from soundvcm.network import SIZES, NetworkConfig, recognise
from soundvcm.systems.catalog import MODES, misfit, parts_of, saved_config, stack_of
from soundvcm.timeline import Timeline

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from soundvcm.codec import AudioCodec
    from soundvcm.encoders import TextEncoder, VideoEncoder
    from soundvcm.generate.pipeline import Pipeline
    from soundvcm.network import VelocityNetwork

PREFIX = "mmaudio_"
LICENCE = "CC-BY-NC-4.0"
LONGEST_SECONDS = 8
#: 25 Euler steps with guidance 4.5: the knobs MMAudio's users know
REFERENCE_SAMPLING = Sampling(kind="flow", steps=25, guidance=4.5, negative_prompt=True)


def encoders(
    device: torch.device, dtype: torch.dtype, near: float = 0.0, stride: int = 1, batch: int = 0
) -> tuple[VideoEncoder, VideoEncoder, TextEncoder]:
    """CLIP's pictures, Synchformer and CLIP's words, with the public weights; options as for `trained`.

    `batch` pictures (and a third as many segments of motion) are encoded at a time; 0: a whole clip of 8 s
    on a GPU, little on a CPU.

    Raises:
        WeightsError: if a file is missing or does not fit.
    """
    from soundvcm.encoders import clip_encoders, synchformer_encoder

    pictures, words = clip_encoders(device, dtype, near, stride)
    motion = synchformer_encoder(device, dtype, halved=stride > 1)
    if batch or device.type == "cuda":
        pictures.batch = batch or 64
        motion.batch = max(1, pictures.batch // 3)
    return pictures, motion, words


def reference(
    name: str,
    device: torch.device,
    dtype: torch.dtype,
    near: float = 0.0,
    stride: int = 1,
    vocoder: str = "bigvgan",
) -> Pipeline:
    """MMAudio itself, sampled as it samples: `name` is one of `weights.systems()`.

    Raises:
        WeightsError: if a file is missing, damaged or of another network.
    """
    tensors, _ = weights.load(name)
    return _reference(name, tensors, SIZES[name.removeprefix(PREFIX)], device, dtype, near, stride, vocoder)


def reference_file(
    path: Path,
    device: torch.device,
    dtype: torch.dtype,
    near: float = 0.0,
    stride: int = 1,
    vocoder: str = "bigvgan",
) -> Pipeline:
    """A checkpoint of MMAudio's own training, given by its path; its size is read off its shapes.

    Raises:
        WeightsError: if it is not such a checkpoint, or if the stack's files are missing.
    """
    tensors, _ = weights.read(path)
    return _reference(path.stem, tensors, recognise(tensors), device, dtype, near, stride, vocoder)


def _reference(
    name: str,
    tensors: Mapping[str, Tensor],
    config: NetworkConfig,
    device: torch.device,
    dtype: torch.dtype,
    near: float,
    stride: int,
    vocoder: str,
) -> Pipeline:
    import torch

    from soundvcm.network import VelocityNetwork

    with torch.device("meta"):
        network = VelocityNetwork(config)
    network.load_reference({key: value.float() for key, value in tensors.items()})
    _check_statistics(name, network.state_dict())
    return trained(
        name, network.eval().requires_grad_(False), REFERENCE_SAMPLING, device, dtype, near, stride, vocoder
    )


def trained(
    name: str,
    network: VelocityNetwork,
    sampling: Sampling,
    device: torch.device,
    dtype: torch.dtype,
    near: float = 0.0,
    stride: int = 1,
    vocoder: str = "bigvgan",
) -> Pipeline:
    """A loaded network with the encoders and the codec it was made for.

    Args:
        name: what the system is called.
        network: its widths say the mode.
        sampling: how latents are made.
        device: where all of it runs.
        dtype: number format of network and encoders; the codec is always float32.
        near: pictures that differ less than this from the last encoded one (of 255) are not encoded again.
        stride: CLIP sees one picture in so many; above 1, Synchformer sees every second segment.
        vocoder: "bigvgan", or the "small" one that is shipped here.

    Raises:
        WeightsError: if a file of the stack is missing or damaged, or the network is of another stack.
    """
    mode = stack_of(network.config)
    if mode is None or mode not in MODES.values():
        raise WeightsError(f"{name}: {misfit(network.config)}")
    for row in parts_of(mode, vocoder):
        weights.locate(row.name)
    from soundvcm.codec import paper_codec
    from soundvcm.encoders import FeatureCache

    # On the disk: CLIP and Synchformer take minutes on a CPU, all the rest seconds.
    cache = FeatureCache(weights.home_folder() / "features")
    stack = (paper_codec(mode, device, vocoder=vocoder), *encoders(device, dtype, near, stride))
    return assembled(name, network, *stack, sampling=sampling, device=device, dtype=dtype, cache=cache)


def assembled(
    name: str,
    network: VelocityNetwork,
    codec: AudioCodec,
    semantic: VideoEncoder,
    sync: VideoEncoder,
    text: TextEncoder,
    **options: Any,
) -> Pipeline:
    """A pipeline of these parts at the codec's rates; `options` as for `Pipeline`."""
    from soundvcm.codec import latent_hop
    from soundvcm.generate.pipeline import Pipeline

    lines = Timeline(LONGEST_SECONDS, sample_rate=codec.sample_rate, latent_hop=latent_hop(codec))  # type: ignore[arg-type]
    options = {"longest": LONGEST_SECONDS, **options}
    return Pipeline(name, network, codec, semantic, sync, text, timeline=lines, **options)


def adopt_file(source: str | Path, output: Path) -> dict[str, str]:
    """Write a two-time network that starts as a flow, MMAudio's (u(x, t, s) = -v(x, 1 - t)) or our own.

    Args:
        source: a name such as "mmaudio_small_16k", or the path of a checkpoint of MMAudio's own training, or
            of a network that soundvcm trained by flow matching.
        output: safetensors file to write.

    Returns:
        The header of the file.

    Raises:
        OptionError: if the output is the source, or the source knows two times already.
        WeightsError: if the source is missing, damaged or no such network, or the output cannot be written.
    """
    from soundvcm.network import adopt

    known = str(source) in weights.systems()
    if not known and Path(source).resolve() == output.resolve():
        raise OptionError(f"{output} is the input itself: name another --output")
    tensors, facts = weights.load(str(source)) if known else weights.read(Path(source))
    if "config" in facts:
        return _adopt_own(Path(source), output, tensors, facts)
    config = SIZES[str(source).removeprefix(PREFIX)] if known else recognise(tensors)
    _check_statistics(str(source), tensors)
    network = adopt(tensors, config.change({"second_time": "offset"}))
    origin = {"name": Path(source).name, "by": "MMAudio, https://huggingface.co/hkchengrex/MMAudio"}
    if not known:
        origin |= {"sha256": weights.digest(Path(source))}
    elif (row := weights.part(str(source))).sha256:
        origin |= {"sha256": row.sha256}
    header = {
        "format": "soundvcm-weights-1",
        "dtype": "float32",
        "config": network.config.model_dump_json(),
        "licence": LICENCE,
        "origin": json.dumps(origin),
        "package": json.dumps({"soundvcm": soundvcm.__version__}),
        # Nothing is trained into it yet: sampled as the reference is, it gives the reference's sound.
        "sampling": json.dumps(vars(REFERENCE_SAMPLING)),
    }
    weights.save(output, network.state_dict(), header)
    return header


def _adopt_own(
    source: Path, output: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, str]
) -> dict[str, str]:
    from soundvcm.network import adopt_flow

    if json.loads(facts.get("sampling", "{}")).get("kind") != "flow" or "origin" in facts:
        raise OptionError(f"{source} is a two-time network of soundvcm already: use it as it is")
    config = saved_config(source, dict(facts))
    network = adopt_flow({name: value.float() for name, value in tensors.items()}, config)
    kept = {name: facts[name] for name in ("licence", "guidance", "sampling") if name in facts}
    header = kept | {
        "format": "soundvcm-weights-1",
        "dtype": "float32",
        "config": network.config.model_dump_json(),
        "origin": json.dumps({"name": source.name, "sha256": weights.digest(source)}),
        "package": json.dumps({"soundvcm": soundvcm.__version__}),
    }
    weights.save(output, network.state_dict(), header)
    return header


def _check_statistics(name: str, tensors: Mapping[str, Tensor]) -> None:
    for key in ("latent_mean", "latent_std"):
        if key in tensors and not bool(tensors[key].isfinite().all()):
            raise WeightsError(f"{name}: {key} is not finite: this checkpoint holds no latent statistics")
