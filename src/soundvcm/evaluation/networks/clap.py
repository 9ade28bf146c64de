"""LAION CLAP: sound and words => vectors of 512 numbers in one space, whose cosine is the CLAP score.

    wave at 48 kHz, repeated to 10 s => [512];  a caption => [512]

Wu et al. 2023 (https://github.com/LAION-AI/CLAP, code and weights CC0). The network is transformers'
ClapModel (an HTS-AT and a RoBERTa); here are its front end as LAION has it, and LAION's names for its
weights. The public weights were never run here to published numbers. Knows weights files, waves and captions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from soundvcm import weights
from soundvcm.errors import InputError, MissingExtraError, WeightsError
from soundvcm.evaluation.networks.filters import mono_wave, padded, slaney_triangles

SAMPLE_RATE = 48_000
SECONDS = 10
FFT, HOP = 1024, 480
BANDS, LOW_HZ, HIGH_HZ = 64, 50.0, 14_000.0
LEAST_POWER = 1e-10
TOKENS, ROBERTA_EPSILON = 77, 1e-5
STAGE_HEADS = (4, 8, 16, 32)
WEIGHTS, SMALL_WEIGHTS, WORDS = "clap_htsat_base", "clap_630k_audioset", "roberta_tokenizer"

# LAION's name of a part => transformers'
RENAMED = (
    (r"^module\.", ""),
    (r"^text_branch\.", "text_model."),
    (r"^(text|audio)_projection\.0\.", r"\1_projection.linear1."),
    (r"^(text|audio)_projection\.2\.", r"\1_projection.linear2."),
    (r"^audio_branch\.bn0\.", "audio_model.audio_encoder.batch_norm."),
    (r"^audio_branch\.", "audio_model.audio_encoder."),
    (r"(audio.*)\.attn\.proj\.", r"\1.attention.output.dense."),
    (r"(audio.*)\.attn\.", r"\1.attention.self."),
    (r"(audio.*)\.mlp\.fc1\.", r"\1.intermediate.dense."),
    (r"(audio.*)\.mlp\.fc2\.", r"\1.output.dense."),
    (r"(audio.*)\.norm1\.", r"\1.layernorm_before."),
    (r"(audio.*)\.norm2\.", r"\1.layernorm_after."),
)
# What is computed here, or was for training and classification only.
UNUSED = re.compile(
    r"^(module\.)?((text|audio)_transform\.|audio_branch\.(spectrogram_extractor|logmel_extractor|tscam_conv"
    r"|head)\.)|\.attn_mask$"
)
COUNTED = re.compile(r"\.(position_ids|token_type_ids|relative_position_index)$")


def filled(wave: Tensor) -> Tensor:
    """The wave [s] at 48 kHz as often as it fits into 10 s, then silence.

    Raises:
        InputError: if it is longer.
    """
    return padded(wave, SECONDS, SAMPLE_RATE, "CLAP", repeat=True)


def frames(wave: Tensor) -> Tensor:
    """Mel frames in dB [1001, 64] of a mono wave [s] at 48 kHz, filled to 10 s.

    Raises:
        InputError: unless the wave is finite, one-dimensional, and 0.1 to 10 s long.
    """
    signal = filled(mono_wave(wave, SAMPLE_RATE // 10, SAMPLE_RATE, "CLAP"))
    spectrum = torch.stft(signal, FFT, HOP, FFT, torch.hann_window(FFT), center=True, return_complex=True)
    power = spectrum.real**2 + spectrum.imag**2
    mel = slaney_triangles(BANDS, FFT, SAMPLE_RATE, LOW_HZ, HIGH_HZ).float() @ power
    return 10 * mel.T.clamp_min(LEAST_POWER).log10()


def renamed(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """LAION's state dict under transformers' names: no classifier, queries, keys and values apart."""
    found = {}
    for name, value in tensors.items():
        if UNUSED.search(name) or COUNTED.search(name):
            continue
        for pattern, other in RENAMED:
            name = re.sub(pattern, other, name)
        if ".qkv." in name:
            for part, piece in zip(("query", "key", "value"), value.chunk(3), strict=True):
                found[name.replace(".qkv.", f".{part}.")] = piece
        else:
            found[name] = value
    return found


def sizes(tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """Settings of transformers' ClapConfig that fit a renamed state dict: HTS-AT tiny, base or large.

    Raises:
        WeightsError: if it is no CLAP.
    """
    try:
        width = len(tensors["audio_model.audio_encoder.patch_embed.proj.weight"])
        words = tensors["text_model.embeddings.word_embeddings.weight"]
        places = tensors["text_model.embeddings.position_embeddings.weight"]
        dim = len(tensors["audio_projection.linear2.weight"])
        inner = len(tensors["text_model.encoder.layer.0.intermediate.dense.weight"])
    except KeyError as error:
        raise WeightsError(
            f"the file is no CLAP of LAION: it does not fit, {error.args[0]} is missing"
        ) from None
    stages = range(len(STAGE_HEADS))
    block = "audio_model.audio_encoder.layers.{}.blocks.{}.layernorm_before.weight"
    depths = [sum(block.format(k, n) in tensors for n in range(64)) for k in stages]
    layer = "text_model.encoder.layer.{}.output.dense.bias"
    audio = {
        "patch_embeds_hidden_size": width,
        "hidden_size": width * 2 ** (len(depths) - 1),
        "depths": depths,
        "num_attention_heads": list(STAGE_HEADS),
        "num_hidden_layers": len(depths),
    }
    text = {
        "vocab_size": len(words),
        "hidden_size": words.shape[1],
        "num_attention_heads": max(1, words.shape[1] // 64),
        "num_hidden_layers": sum(layer.format(n) in tensors for n in range(64)),
        "intermediate_size": inner,
        "max_position_embeddings": len(places),
        "layer_norm_eps": ROBERTA_EPSILON,
    }
    return {"audio_config": audio, "text_config": text, "projection_dim": dim}


def load_clap(source: str | Path | Mapping[str, Tensor] = WEIGHTS) -> Any:
    """The ClapModel of transformers with the weights of LAION's public file (or a state dict), strictly.

    Raises:
        MissingExtraError: without transformers.
        WeightsError: if the file is missing (what to fetch is said) or of another network.
    """
    try:
        from transformers import ClapConfig, ClapModel
    except ImportError:
        raise MissingExtraError("transformers", "clap") from None

    own = renamed(source if isinstance(source, Mapping) else weights.load(source)[0])
    network: Any = ClapModel(ClapConfig(**sizes(own)))
    # Tables of numbers 0, 1, 2 ..: kept by some versions of the file and of transformers, not by others.
    own |= {name: value for name, value in network.state_dict().items() if COUNTED.search(name)}
    weights.fit(network, own, "CLAP")
    return network.eval().requires_grad_(False)


@lru_cache(maxsize=1)
def network(name: str) -> Any:
    """The public network of that name, read once per process.

    Raises:
        MissingExtraError, WeightsError: as `load_clap`.
    """
    return load_clap(name)


@lru_cache(maxsize=1)
def tokenizer() -> Any:
    """RoBERTa's tokenizer, cut at 77 tokens.

    Raises:
        MissingExtraError: without the package tokenizers.
        WeightsError: if its file is missing (what to fetch is said) or no tokenizer.
    """
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise MissingExtraError("tokenizers", "clap") from None

    path = weights.locate(WORDS)
    try:
        found = Tokenizer.from_file(str(path))
    except Exception as error:  # the package raises plain Exception
        raise WeightsError(f"{path} is no tokenizer ({str(error).splitlines()[0]})") from None
    found.enable_truncation(TOKENS)
    return found


@torch.inference_mode()
def listen(wave: Tensor, name: str = WEIGHTS) -> Tensor:
    """[512] of length one, of a mono wave [s] at 48 kHz of up to 10 s."""
    model = network(name)
    inputs, longer = frames(wave)[None, None].to(model.device), torch.tensor([[False]], device=model.device)
    return _unit(model.get_audio_features(input_features=inputs, is_longer=longer))


@torch.inference_mode()
def read(caption: str, name: str = WEIGHTS) -> Tensor:
    """[512] of length one, of a caption."""
    numbers = torch.tensor([tokenizer().encode(caption).ids], device=network(name).device)
    meant = network(name).get_text_features(input_ids=numbers, attention_mask=torch.ones_like(numbers))
    return _unit(meant)


def caption(path: Path) -> str:
    """What the .txt beside a file says, as `soundvcm extract --folder` takes it; "" if there is none.

    Raises:
        InputError: if it cannot be read as text.
    """
    words = path.with_suffix(".txt")
    try:
        return words.read_text(encoding="utf-8").strip() if words.is_file() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{words} cannot be read as text ({error})") from None


def watch(path: Path, name: str = WEIGHTS) -> Tensor:
    """[512] of the caption beside a file; [0] if there is none."""
    words = caption(path)
    return read(words, name) if words else torch.zeros(0)


def _unit(found: Any) -> Tensor:
    """The vector, whichever way the version of transformers returns it."""
    vector = found if isinstance(found, Tensor) else found.pooler_output
    return F.normalize(vector[0].cpu(), dim=-1)
