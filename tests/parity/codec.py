"""Parts `log_mel`, `vae`, `vocoder`, `codec_keys`: the paper's codecs against the reference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from parity.case import Case, Check
from soundvcm.codec.mel import MelConfig, log_mel, mel_filters
from soundvcm.codec.vae import MelVae, VaeConfig
from soundvcm.codec.vocoder import (
    Vocoder,
    VocoderConfig,
    fold_weight_norm,
    kaiser_sinc_filter,
    without_filters,
)

DTYPES = {"float32": torch.float32, "float64": torch.float64}


def given(case: Case, stored: dict[str, Any], role: str, dtype: torch.dtype) -> Tensor:
    """An input by rule, which must be the stored one."""
    value = case.input(role, stored[f"in_{role}"].shape)
    same = np.array_equal(value, stored[f"in_{role}"])
    assert same, f"{case.name}: the rule does not give the stored {role}"
    return torch.from_numpy(value).to(dtype)


class Watch:
    """First row of the output of named submodules during a call."""

    def __init__(self, module: nn.Module, names: dict[str, str]) -> None:
        self.names, self.seen, modules = names, {}, dict(module.named_modules())
        for name in names.values():
            modules[name].register_forward_hook(self._keeper(name))

    def _keeper(self, name: str) -> Any:
        def keep(module: nn.Module, inputs: object, output: Tensor) -> None:
            self.seen[name] = output[0].clone()

        return keep

    def checks(self, stored: dict[str, Any], limit: float, label: str) -> Iterator[Check]:
        """One comparison for each stage; the golden file may hold only the first positions."""
        for short, name in self.names.items():
            expected = stored[f"row0_{short}"]
            yield Check(f"{short} {label}", self.seen[name][..., : expected.shape[-1]], expected, limit)


def run_log_mel(case: Case) -> Iterator[Check]:
    """Every front end, with our own filter bank, alone and as a batch, and the banks themselves."""
    stored = case.arrays()
    for mode, fields in case.configuration["front_ends"].items():
        config = MelConfig.build(fields)
        bank = mel_filters(config)
        yield Check(f"bank {mode}", bank, stored[f"mel_basis_{mode}"], case.limit("bank"), "abs")
        for label, dtype in DTYPES.items():
            wave = torch.from_numpy(stored[f"wave_{mode}"]).to(dtype)[None]
            found = log_mel(wave, config)[0]
            yield Check(f"log-mel {mode} {label}", found, stored[f"logmel_{mode}"], case.limit(label), "abs")
            batch = log_mel(torch.cat([wave.flip(1), wave]), config)
            yield Check(f"batch {mode} {label}", batch[1], stored[f"logmel_{mode}"], case.limit(label), "abs")


VAE_STAGES = {
    "enc_conv_in": "encoder.conv_in",
    "enc_down0_block0": "encoder.down.0.block.0",
    "enc_down0_downsample": "encoder.down.0.downsample",
    "enc_down1_block0": "encoder.down.1.block.0",
    "enc_mid_block1": "encoder.mid.block_1",
    "enc_mid_attn1": "encoder.mid.attn_1",
    "enc_mid_block2": "encoder.mid.block_2",
    "dec_conv_in": "decoder.conv_in",
    "dec_mid_attn1": "decoder.mid.attn_1",
    "dec_up2_block2": "decoder.up.2.block.2",
    "dec_up1_block0": "decoder.up.1.block.0",
    "dec_up1_upsample": "decoder.up.1.upsample",
}


def run_vae(case: Case) -> Iterator[Check]:
    """Moments, decoded mel, an odd last frame, folded weights and the stages between."""
    stored, config = case.arrays(), VaeConfig.build(case.configuration["vae"])
    raw = {key: torch.from_numpy(value) for key, value in case.weights().items()}
    for label, dtype in DTYPES.items():
        vae, limit = MelVae(config).to(dtype), case.limit(label)
        vae.load({key: value.to(dtype) for key, value in raw.items()}, case.name)
        watch = Watch(vae, VAE_STAGES)
        moments = vae.encode_mel(given(case, stored, "mel", dtype))
        yield Check(f"mean {label}", moments.mean.transpose(1, 2), stored["mean"], limit)
        yield Check(f"logvar {label}", 2 * moments.std.log().transpose(1, 2), stored["logvar"], limit)
        yield Check(f"std {label}", moments.std.transpose(1, 2), stored["std"], limit)
        decoded = vae.decode_mel(given(case, stored, "latent", dtype).transpose(1, 2))
        yield Check(f"decoded {label}", decoded, stored["decoded"], limit)
        # The stages were recorded in a run on the mel as it is, without its standardisation.
        raw_moments = vae.encoder(given(case, stored, "mel", dtype))
        yield Check(f"raw moments {label}", raw_moments, stored["moments_no_standardisation"], limit)
        raw_decoded = vae.decoder(given(case, stored, "latent", dtype))
        yield Check(f"raw decoded {label}", raw_decoded, stored["decoded_no_standardisation"], limit)
        yield from watch.checks(stored, case.limit("debug") if label == "float64" else limit, label)
        odd = vae.encode_mel(given(case, stored, "mel_odd", dtype)).mean
        expected = stored["moments_odd"][:, : config.dim]
        yield Check(f"odd last frame {label}", odd.transpose(1, 2), expected, limit)
        trip = vae.decode_mel(moments.mean)
        yield Check(f"round trip {label}", trip, stored["roundtrip_of_mean"], limit)
        state = vae.state_dict()
        for key in (name for name in stored if name.startswith("folded_first16.")):
            found = state[key.removeprefix("folded_first16.")].flatten()[: stored[key].size]
            yield Check(f"{key} {label}", found, stored[key], limit)


VOCODER_STAGES = {
    "conv_pre": "conv_pre",
    "up0": "ups.0.0",
    "res0_act0": "resblocks.0.activations.0",
    "res2": "resblocks.2",
    "up1": "ups.1.0",
    "up5": "ups.5.0",
}


def run_vocoder(case: Case) -> Iterator[Check]:
    """The wave of a mel and of four times that mel (which saturates), and the stages between."""
    stored, config = case.arrays(), VocoderConfig.build(case.configuration["vocoder"])
    yield Check("filter", kaiser_sinc_filter(), stored["filter12"], 1e-12, "abs")
    taps = torch.from_numpy(stored["filter12"])[None, None]
    raw = {
        key: taps.float() if key.endswith(".filter") else torch.from_numpy(value)
        for key, value in case.weights().items()
    }
    for label, dtype in DTYPES.items():
        vocoder, limit = Vocoder(config).to(dtype), case.limit(label)
        vocoder.load({key: value.to(dtype) for key, value in raw.items()}, case.name)
        watch = Watch(vocoder, {**VOCODER_STAGES, "last": "conv_post"})
        blocks = Watch(vocoder, {str(index): f"resblocks.{index}" for index in range(3)})
        mel = given(case, stored, "mel", dtype)
        yield Check(f"wave {label}", vocoder(mel)[:, None], stored["wave"], limit)
        last = watch.seen["conv_post"]
        yield Check(f"before the bound {label}", last, stored["pre_final_nonlinearity"][0], limit)
        watch.names = VOCODER_STAGES
        # The reference adds the blocks of a level into the output of the first, in place: its record sums up.
        together = sum(blocks.seen.values())
        yield Check(f"res0 {label}", together, stored["row0_res0"], max(limit, case.limit("debug")))
        yield from watch.checks(stored, case.limit("debug") if label == "float64" else limit, label)
        yield Check(f"4 x mel {label}", vocoder(4 * mel)[:, None], stored["wave_of_4x_mel"], limit)
        state = vocoder.state_dict()
        for key in (name for name in stored if name.startswith("folded_first16.")):
            found = state[key.removeprefix("folded_first16.")].flatten()[: stored[key].size]
            yield Check(f"{key} {label}", found, stored[key], limit)


def run_keys(case: Case) -> Iterator[Check]:
    """A real-size module holds exactly the names and shapes of the public file, and takes it strictly."""
    with torch.device("meta"):
        file = {name: torch.empty(shape) for name, shape in case.shapes().items()}
        if "vae" in case.configuration:
            module: nn.Module = MelVae(VaeConfig.build(case.configuration["vae"]))
            ready = file
        else:
            module = Vocoder(VocoderConfig.build(case.configuration["vocoder"]))
            ready = without_filters(fold_weight_norm(file), case.name)
            filters = [name for name in file if name.endswith(".filter")]
            yield Check("filters", len(filters), 2 * (18 * 6 + 1), 0, "exact")
        module.load(file, case.name)  # type: ignore[operator]
    ours = {name: tuple(value.shape) for name, value in module.state_dict().items()}
    wanted = {name: tuple(value.shape) for name, value in ready.items()}
    yield Check("names and shapes", sorted(ours.items()) == sorted(wanted.items()), True, 0, "exact")


RUNNERS = {"log_mel": run_log_mel, "vae": run_vae, "vocoder": run_vocoder, "codec_keys": run_keys}
