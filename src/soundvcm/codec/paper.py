"""The paper's codecs as one piece: wave => log-mel => VAE => latents and back through the VAE and a vocoder.

16 kHz: 31.25 latents a second with 20 channels; 44.1 kHz: 43.07 with 40. Always float32 (case 29). Knows no
pictures, no standardisation of latents (the network's and the store's work) and no training.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import torch
from torch import Tensor

from soundvcm import weights
from soundvcm.codec.base import in_chunks, pad_to_hop
from soundvcm.codec.mel import MEL_16K, MEL_44K, MelConfig, log_mel
from soundvcm.codec.small_vocoder import SmallVocoder, SmallVocoderConfig
from soundvcm.codec.vae import VAE_16K, VAE_44K, MelVae, VaeConfig
from soundvcm.codec.vocoder import BIGVGAN_16K, BIGVGAN_44K, Vocoder, VocoderConfig
from soundvcm.errors import InputError, WeightsError, nearest
from soundvcm.records import Moments

FRAMES_PER_LATENT = 2
CHUNK_LATENTS = 256  # about 8 s at 16 kHz: one piece for an ordinary clip, bounded memory for a film


@dataclass(frozen=True)
class PaperParts:
    """What one of the paper's codecs consists of.

    Attributes:
        mel: front end.
        vae: sizes of the VAE.
        vocoder: sizes of the vocoder.
        vae_file: name of the VAE's weights in the table.
        vocoder_file: name of the vocoder's weights in the table.
    """

    mel: MelConfig
    vae: VaeConfig
    vocoder: VocoderConfig
    vae_file: str
    vocoder_file: str


PAPER_CODECS = {
    "16k": PaperParts(MEL_16K, VAE_16K, BIGVGAN_16K, "vae_16k", "bigvgan_16k"),
    "44k": PaperParts(MEL_44K, VAE_44K, BIGVGAN_44K, "vae_44k", "bigvgan_44k"),
}


class PaperCodec:
    """Mel front end, VAE and vocoder as one `AudioCodec`.

    Args:
        mel: front end.
        vae: with its weights.
        vocoder: with its weights, BigVGAN or the small one; its hop must be the front end's.
        chunk: latents decoded at a time; the result is the same for every value.

    Raises:
        InputError: if the three do not belong together.
    """

    def __init__(
        self, mel: MelConfig, vae: MelVae, vocoder: Vocoder | SmallVocoder, chunk: int = CHUNK_LATENTS
    ) -> None:
        if not (mel.bins == vae.config.bins == vocoder.bins and mel.hop == vocoder.hop):
            raise InputError(
                f"mel ({mel.bins} bins, hop {mel.hop}), VAE ({vae.config.bins} bins) and vocoder "
                f"({vocoder.bins} bins, hop {vocoder.hop}) do not belong together"
            )
        if chunk < 1:
            raise InputError(f"chunk is at least 1 latent, not {chunk}")
        self.mel, self.chunk = mel, chunk
        self.vae, self.vocoder = vae.eval().requires_grad_(False), vocoder.eval().requires_grad_(False)

    @property
    def sample_rate(self) -> int:
        """Samples a second."""
        return self.mel.sample_rate

    @property
    def latent_rate(self) -> Fraction:
        """Latents a second."""
        return Fraction(self.mel.sample_rate, self.mel.hop * FRAMES_PER_LATENT)

    @property
    def dim(self) -> int:
        """Channels of a latent."""
        return self.vae.config.dim

    def to(self, device: torch.device | str) -> PaperCodec:
        """Move both networks; returns itself."""
        self.vae.to(device)
        self.vocoder.to(device)
        return self

    def narrow(self) -> PaperCodec:
        """Decode in bfloat16 from now on where that is fast and not the last step; returns itself.

        The VAE's decoder, and the vocoder as `Vocoder.narrow` says; encoding stays as it is. What is gained
        and lost is in docs/speed.md.
        """
        self.vae.decoder.bfloat16()
        self.vocoder.narrow()
        return self

    def encode(self, wave: Tensor) -> Moments:
        """Wave [b, s] => posterior [b, n, c]; silence fills the last latent."""
        padded = pad_to_hop(wave.float(), self.mel.hop * FRAMES_PER_LATENT)
        device = self.vae.data_mean.device
        return self.vae.encode_mel(log_mel(padded.to(device), self.mel))

    def decode(self, latents: Tensor) -> Tensor:
        """Latents [b, n, c] => wave [b, n * hop] in -1 .. 1."""
        return self.mel_to_wave(self.vae.decode_mel(latents.float(), self.chunk))

    def mel_to_wave(self, mel: Tensor) -> Tensor:
        """Log-mel [b, bins, f] => wave [b, f * hop], in chunks where the vocoder can."""
        if self.vocoder.reach is None:
            out: Tensor = self.vocoder(mel)
            return out
        chunk = self.chunk * FRAMES_PER_LATENT
        return in_chunks(self.vocoder, mel, chunk, self.vocoder.reach, self.mel.hop)


def paper_codec(
    mode: str, device: torch.device | str = "cpu", chunk: int = CHUNK_LATENTS, vocoder: str = "bigvgan"
) -> PaperCodec:
    """The codec of a mode ("16k" or "44k") with the public weights; "small" is the vocoder shipped here.

    Raises:
        InputError: for another mode.
        WeightsError: if a file is missing (says which, its hash and where to put it) or does not fit.
    """
    if mode not in PAPER_CODECS:
        raise InputError(f"no codec for {mode!r}{nearest(mode, PAPER_CODECS)}")
    parts = PAPER_CODECS[mode]
    with torch.device("meta"):
        vae = MelVae(parts.vae)
    vae.load(weights.load(parts.vae_file)[0], parts.vae_file)
    if vocoder == "small":
        return PaperCodec(parts.mel, vae, saved_vocoder(f"small_vocoder_{mode}"), chunk).to(device)
    with torch.device("meta"):
        large = Vocoder(parts.vocoder)
    large.load(weights.load(parts.vocoder_file)[0], parts.vocoder_file)
    return PaperCodec(parts.mel, vae, large, chunk).to(device)


def saved_vocoder(name_or_path: str | Path) -> SmallVocoder:
    """A trained small vocoder, in evaluation mode.

    Raises:
        WeightsError: if the file is missing, damaged or of another kind.
    """
    tensors, facts = weights.load(name_or_path)
    try:
        config = SmallVocoderConfig.build(json.loads(facts["config"]))
    except (KeyError, ValueError):
        raise WeightsError(f"{name_or_path} is no vocoder that `python -m tiny vocoder` wrote") from None
    full = {key: value.float() for key, value in tensors.items()}
    return weights.built(lambda: SmallVocoder(config), full, str(name_or_path))
