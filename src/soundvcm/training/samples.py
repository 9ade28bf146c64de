"""What a run sounds like so far: a few validation clips as sound files and pictures beside the log.

    RUN/samples/step-00001000/0-ID.wav, 0-ID.png ...   the same clips, the same noise each time
    RUN/samples/recorded/...                           what the codec makes of the true latents, once

A hook of `train`. Knows a codec and a way of drawing as functions, which whoever starts the run gives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from soundvcm import media
from soundvcm.data.mixture import Batch, Mixture, mixed_seed
from soundvcm.data.store import FeatureStore
from soundvcm.errors import OptionError
from soundvcm.network import VelocityNetwork
from soundvcm.sampler import integrate, sample_mean, uniform_times
from soundvcm.training.settings import TrainingConfig
from soundvcm.training.view import View

Wave = NDArray[np.float32]
#: latents [b n c] of the codec (not standardised) => wave [b s]
Decode = Callable[[Tensor], Tensor]
#: waves [s] and their rate => PNG files
Draw = Callable[[Sequence[Wave], int], list[bytes]]

#: objectives that train the instantaneous velocity only
_FIELDS = ("flow_matching", "reflow", "distill")


class Samples:
    """Makes `loop.samples` clips of the split "val" with the first averaged weights, at each call.

    Args:
        config: of the run.
        stores: of the run; those without the split are passed over.
        decode: the codec that made the stores.
        sample_rate: of its sound.
        draw: makes the pictures.

    Raises:
        OptionError: if no store has a clip of the split "val".
    """

    def __init__(
        self,
        config: TrainingConfig,
        stores: Sequence[FeatureStore],
        decode: Decode,
        sample_rate: int,
        draw: Draw,
    ) -> None:
        self.config, self.decode, self.sample_rate, self.draw = config, decode, sample_rate, draw
        self.stores = [store for store in stores if any(item.split == "val" for item in store.items)]
        if not self.stores:
            raise OptionError('loop.samples are clips of the split "val", and no store has one: set it to 0')

    def __call__(self, view: View) -> None:
        """Write the clips of this step; every process of a network that is shared out has to be here."""
        weights = view.weights()
        if not view.leads:
            return
        network = VelocityNetwork(self.config.network)
        network.load_state_dict(weights)
        network = network.to(view.device).eval()
        batch = self.batch(network).to(view.device)
        folder = view.run_dir / "samples"
        with torch.inference_mode():
            if not (folder / "recorded").exists():
                self._write(folder / "recorded", batch.ids, network.unstandardise(batch.data), view)
            latents = network.unstandardise(self.latents(network, batch))
            self._write(folder / f"step-{view.step:08d}", batch.ids, latents, view)

    def batch(self, network: VelocityNetwork) -> Batch:
        """The clips; the same ones at each call."""
        sizes = self.config.network
        widths = {"latents": sizes.latent_dim, "semantic": sizes.semantic_dim, "sync": sizes.sync_dim}
        data = Mixture(
            self.stores,
            self.config.data.change({"split": "val"}),
            rows=min(self.config.loop.samples, sum(len(store.split("val")) for store in self.stores)),
            seed=mixed_seed(self.config.loop.seed, "samples"),
            latent_mean=network.latent_mean.flatten(),
            latent_std=network.latent_std.flatten(),
            widths={**widths, "text": sizes.text_dim, "text_tokens": sizes.text_tokens},
        )
        return data.batch(0)

    def latents(self, network: VelocityNetwork, batch: Batch) -> Tensor:
        """[b n c] standardised latents, sampled as the objective is meant to be, from noise that stays."""
        loop, objective = self.config.loop, self.config.objective
        draws = torch.Generator().manual_seed(mixed_seed(loop.seed, "samples", "noise"))
        noise = torch.randn(batch.data.shape, generator=draws).to(batch.data)
        told = None
        if self.config.network.guidance_input != "none":
            told = torch.full((len(noise),), getattr(objective, "guidance", 1.0)).to(noise)
        given = network.given(batch.conditions.to(noise.device), noise.shape[1])
        times = uniform_times(loop.sample_steps)
        follow = integrate if objective.kind in _FIELDS else sample_mean
        return follow(lambda x, t, s: given(x, t, s, told), noise, times)

    def _write(self, folder: Path, ids: Sequence[str], latents: Tensor, view: View) -> None:
        waves: list[Wave] = [row.cpu().numpy().astype(np.float32) for row in self.decode(latents.float())]
        folder.mkdir(parents=True, exist_ok=True)
        for k, (name, wave, picture) in enumerate(
            zip(ids, waves, self.draw(waves, self.sample_rate), strict=True)
        ):
            safe = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in name)
            media.save_sound(folder / f"{k}-{safe[:60]}.wav", wave, self.sample_rate)
            (folder / f"{k}-{safe[:60]}.png").write_bytes(picture)
            view.logbook.audio(f"{folder.name}/{k}", view.step, wave, self.sample_rate)
