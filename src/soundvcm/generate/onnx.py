"""The embedded system as ONNX graphs for runtimes without Python: `export(pipeline, folder)`.

    network.onnx   noisy, t, s and conditions => x_s, one step of Algorithm 2; as many calls as steps
    codec.onnx     latents and a noise buffer => wave
    noise.bin, words.bin, words.json, about.json: that buffer, the table of word vectors, sizes

Fourier transforms are products with cosines and sines, complex numbers are pairs of real ones, and the length
is fixed, since runtimes differ in the transforms they know. Knows pipeline, network and codec, no browsers.
"""

from __future__ import annotations

import json
import math
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from soundvcm import __version__, media, weights
from soundvcm.codec.neural import CEILING, DRAWN, NeuralCodec, linear_magnitudes
from soundvcm.codec.spectra import MOMENTUM, UNIT_RATE, peak_gain, standardised, white_wave
from soundvcm.encoders.text import LIMIT
from soundvcm.errors import MissingExtraError, OptionError
from soundvcm.generate.clip_encoder import ClipFeatures
from soundvcm.network import VelocityNetwork
from soundvcm.network.precondition import deviations, slope, spread
from soundvcm.records import Conditions
from soundvcm.timeline import Timeline, exact_seconds

if TYPE_CHECKING:
    from soundvcm.generate.pipeline import Pipeline

OPSET = 18
INPUTS = ("noisy", "t", "s", "semantic", "sync", "text", "has_semantic", "has_sync", "has_text")


def forward_matrix(n: int) -> tuple[Tensor, Tensor]:
    """Real and imaginary part [n // 2 + 1, n] of the Fourier transform of n real values."""
    angle = -2 * math.pi * torch.outer(torch.arange(n // 2 + 1), torch.arange(n)).remainder(n).double() / n
    return angle.cos().float(), angle.sin().float()


def inverse_matrix(n: int) -> tuple[Tensor, Tensor]:
    """Of real and imaginary parts [n // 2 + 1] back to n real values: two matrices [n, n // 2 + 1]."""
    count = torch.full((n // 2 + 1,), 2.0, dtype=torch.float64)
    count[0] = 1.0
    if n % 2 == 0:
        count[-1] = 1.0
    real, imaginary = (part.double().T * count / n for part in forward_matrix(n))
    return real.float(), imaginary.float()


class _ProductNetwork(VelocityNetwork):
    """The network at a fixed length n, with products in place of Fourier transforms and a fixed spectrum."""

    power: Tensor
    forward_cos: Tensor
    forward_sin: Tensor
    inverse_cos: Tensor
    inverse_sin: Tensor

    def at(self, n: int) -> _ProductNetwork:
        """Prepare for n latents."""
        if self.config.precondition:
            power = VelocityNetwork._power(self, torch.zeros(1, n, self.config.latent_dim))
            self.register_buffer("power", power, persistent=False)
        for name, value in zip(("cos", "sin"), forward_matrix(n), strict=True):
            self.register_buffer(f"forward_{name}", value, persistent=False)
        for name, value in zip(("cos", "sin"), inverse_matrix(n), strict=True):
            self.register_buffer(f"inverse_{name}", value, persistent=False)
        return self

    def _power(self, noisy: Tensor) -> Tensor | None:
        return self.power if self.config.precondition else None

    def _filtered(self, noisy: Tensor, response: Tensor) -> Tensor:
        """[b n c] with each frequency multiplied by the response [b f c]."""
        cos, sin = (torch.matmul(part, noisy) * response for part in (self.forward_cos, self.forward_sin))
        out: Tensor = torch.matmul(self.inverse_cos, cos) + torch.matmul(self.inverse_sin, sin)
        return out

    def _follow(self, noisy: Tensor, t: Tensor, s: Tensor, power: Tensor) -> Tensor:
        return self._filtered(noisy, slope(t, s, power))

    def _arrive(self, noisy: Tensor, t: Tensor, power: Tensor, shares: Tensor) -> tuple[Tensor, Tensor]:
        shares = shares.to(power)
        response = (power / spread(t, power)).sqrt()
        split = [self._filtered(noisy, response * share[None, :, None]) for share in shares]
        return torch.stack(split, dim=2), deviations(noisy.shape[1], power, shares)


class Step(nn.Module):
    """One step of the sampler: x_s = x_t - (t - s) u(x_t, t, s)."""

    def __init__(self, network: _ProductNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(
        self,
        noisy: Tensor,
        t: Tensor,
        s: Tensor,
        semantic: Tensor,
        sync: Tensor,
        text: Tensor,
        has_semantic: Tensor,
        has_sync: Tensor,
        has_text: Tensor,
    ) -> Tensor:
        """[1 n c], [1], [1], conditions -> [1 n c]."""
        conditions = Conditions(semantic, sync, text, has_semantic, has_sync, has_text)
        velocity: Tensor = self.network(noisy, t, s, conditions)
        return noisy - (t - s)[:, None, None] * velocity


class _ProductCodec(nn.Module):
    """Standardised latents [1 n c] and a white noise [1 s] -> wave [1 s]; what `NeuralCodec.decode` does."""

    analysis: Tensor
    synthesis: Tensor
    envelope: Tensor
    window: Tensor
    mean: Tensor
    std: Tensor

    def __init__(self, codec: NeuralCodec, network: VelocityNetwork, n: int) -> None:
        super().__init__()
        config = codec.config
        self.decoder, self.config, self.iterations = codec.decoder, config, config.iterations
        self.fft, self.hop, self.frames = config.head_fft, config.hop // 2, 4 * n
        window = torch.hann_window(self.fft)
        cos, sin = forward_matrix(self.fft)
        back_cos, back_sin = inverse_matrix(self.fft)
        self.register_buffer("analysis", (torch.cat([cos, sin]) * window)[:, None])
        self.register_buffer("synthesis", (torch.cat([back_cos, back_sin], dim=1).T * window)[:, None])
        ones = torch.ones(1, 1, self.frames)
        envelope = F.conv_transpose1d(ones, window.square()[None, None], stride=self.hop).clamp_min(1e-4)
        self.register_buffer("envelope", envelope)
        self.register_buffer("window", window)
        self.register_buffer("mean", network.latent_mean)
        self.register_buffer("std", network.latent_std)

    def _seen(self, wave: Tensor) -> tuple[Tensor, Tensor]:
        side = (self.fft - self.hop) // 2
        padded = F.pad(wave[:, None], (side, side), mode="reflect")
        real, imaginary = F.conv1d(padded, self.analysis, stride=self.hop).chunk(2, dim=1)
        return real, imaginary

    def _heard(self, real: Tensor, imaginary: Tensor) -> Tensor:
        both = torch.cat([real, imaginary], dim=1)
        wave = F.conv_transpose1d(both, self.synthesis, stride=self.hop) / self.envelope
        side = (self.fft - self.hop) // 2
        return wave[:, 0, side : side + self.frames * self.hop]

    def forward(self, latents: Tensor, noise: Tensor) -> Tensor:
        """Fast Griffin-Lim from the phases of the noise, whose magnitudes draw what is unsure."""
        log_size, doubt = self.decoder(latents * self.std + self.mean)
        real, imaginary = self._seen(noise)
        size = (real.square() + imaginary.square()).sqrt().clamp_min(1e-6)
        level = standardised(size, self.window)
        real, imaginary = real / size, imaginary / size
        size = linear_magnitudes(log_size) * torch.exp(DRAWN * doubt * level)
        size = size * (self.config.sample_rate / UNIT_RATE)
        before: tuple[Tensor, Tensor] | None = None
        for _ in range(self.iterations):
            seen = self._seen(self._heard(size * real, size * imaginary))
            ahead = seen
            if before is not None:
                ahead = (
                    seen[0] + MOMENTUM * (seen[0] - before[0]),
                    seen[1] + MOMENTUM * (seen[1] - before[1]),
                )
            before = seen
            length = (ahead[0].square() + ahead[1].square()).sqrt().clamp_min(1e-9)
            real, imaginary = ahead[0] / length, ahead[1] / length
        wave = self._heard(size * real, size * imaginary)
        return wave * peak_gain(wave, CEILING, self.config.sample_rate // 100)


def export(pipeline: Pipeline, folder: str | Path, seconds: float = 8) -> dict[str, int]:
    """Write the embedded system for other runtimes; both graphs have a batch of one and this fixed length.

    Args:
        pipeline: `soundvcm.load("tiny")`, or a network fine-tuned from it.
        folder: made if it is missing; files of an earlier export are replaced.
        seconds: length of what the graphs make, at most one window of the system.

    Returns:
        The files written and their bytes.

    Raises:
        OptionError: if the system is not an embedded one, or the length is not within its window.
        MissingExtraError: without the packages of the extra `onnx`.
    """
    for module in ("onnx", "onnxscript"):
        if find_spec(module) is None:
            raise MissingExtraError(module, "onnx")
    if not isinstance(pipeline.codec, NeuralCodec):
        raise OptionError(f"{pipeline.name} cannot be exported: only networks with the embedded codec can be")
    if pipeline.sampling.kind != "mean" or pipeline.sampling.guidance is not None:
        raise OptionError(
            f"{pipeline.name} cannot be exported: only networks with their guidance inside can be"
        )
    if not 0.5 <= seconds <= pipeline.clip_encoder.longest:
        raise OptionError(
            f"an export is 0.5 to {float(pipeline.clip_encoder.longest):g} seconds long, not {seconds:g}"
        )
    lines = pipeline.clip_encoder.timeline.at(exact_seconds(str(seconds)))
    n, target = lines.latents, Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    network = _ProductNetwork(pipeline.network.config)
    network.load_state_dict(pipeline.network.state_dict())
    tensors = without_video(pipeline, lines)
    noise = white_wave(lines.latents * pipeline.codec.latent_hop)
    moved = Step(network.at(n).eval().requires_grad_(False))
    _graph(moved, tuple(tensors[name] for name in INPUTS), INPUTS, "moved", target / "network.onnx")
    codec = _ProductCodec(pipeline.codec, pipeline.network, n).eval()
    _graph(codec, (tensors["noisy"], noise), ("latents", "noise"), "wave", target / "codec.onnx")
    _write(target / "noise.bin", noise.numpy().astype("<f4").tobytes())
    words(target)
    about = {
        "model": pipeline.name,
        "seconds": float(lines.seconds),
        "sample_rate": pipeline.sample_rate,
        "samples": lines.samples,
        "temperature": pipeline.sampling.temperature,
        "shapes": {name: list(value.shape) for name, value in tensors.items()},
        "soundvcm": __version__,
        "licence": "MIT; the word table Apache-2.0, from all-MiniLM-L6-v2",
    }
    _write(target / "about.json", json.dumps(about, indent=1).encode())
    names = ("network.onnx", "codec.onnx", "noise.bin", "words.bin", "words.json", "about.json")
    return {name: (target / name).stat().st_size for name in names}


def without_video(pipeline: Pipeline, lines: Timeline) -> dict[str, Tensor]:
    """Inputs of the step for a sound without a clip and without words; all noise zero."""
    empty = pipeline.conditions(ClipFeatures(lines), "")
    one = torch.ones(1)
    values = {name: getattr(empty, name).float().cpu() for name in ("semantic", "sync", "text")}
    flags = {name: getattr(empty, name).cpu() for name in ("has_semantic", "has_sync", "has_text")}
    return {
        "noisy": torch.zeros(1, lines.latents, pipeline.codec.dim),
        "t": one,
        "s": 0 * one,
        **values,
        **flags,
    }


def _graph(
    module: nn.Module, inputs: tuple[Tensor, ...], names: tuple[str, ...], out: str, path: Path
) -> None:
    with warnings.catch_warnings(), media.whole_file(path) as made:
        warnings.simplefilter("ignore")  # the exporter's remarks about its own future
        torch.onnx.export(
            module,
            inputs,
            str(made),
            input_names=list(names),
            output_names=[out],
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )


def words(target: Path) -> None:
    """The word table: int8 rows in words.bin; pieces, the scale of each row and the limit in words.json."""
    tensors, _ = weights.load("words")
    table = tensors["table"].to(torch.int8)
    _write(target / "words.bin", table.numpy().tobytes())
    pieces = bytes(tensors["vocabulary"].numpy()).decode("utf-8").split("\n")
    scale = [float(f"{value:.6g}") for value in tensors["scale"].float()]
    words = {"dim": table.shape[1], "limit": LIMIT, "pieces": pieces, "scale": scale}
    _write(target / "words.json", json.dumps(words, ensure_ascii=False).encode())


def _write(path: Path, data: bytes) -> None:
    with media.whole_file(path) as part:
        part.write_bytes(data)
