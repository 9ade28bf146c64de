"""Video and words in, sound out: the only file that knows the whole flow for use.

    media => encoders => network => sampler => codec => Sound

`watch` encodes a clip once; `make` turns what was seen into a take with one network call a step. Nothing here
is changed by a call, so several threads may use one pipeline for clips of different lengths. Knows no command
line, no training and no preset by name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import isfinite

import numpy as np
import torch
from torch import Tensor

from soundvcm import runtime, sampler
from soundvcm.codec import AudioCodec
from soundvcm.encoders import FeatureCache, TextEncoder, VideoEncoder
from soundvcm.errors import OptionError
from soundvcm.generate import long_form
from soundvcm.generate.audio import Ask, Sampling, Sound, Watched, Wave, refuse_non_finite
from soundvcm.generate.clip_encoder import Video, Watcher, timed
from soundvcm.generate.progress import Progress, silent_progress
from soundvcm.network import VelocityNetwork
from soundvcm.records import Conditions
from soundvcm.timeline import Seconds, Timeline, exact_seconds

JUST_AS_ASKED = Ask()
STATISTICS = ("latent_mean", "latent_std", "data_covariance")


class Pipeline(Watcher):
    """A loaded system: encoders, network, codec and the lengths that go with them.

    Args:
        name: what the system is called.
        network: velocity network, in evaluation mode.
        codec: latents to sound.
        semantic: picture encoder.
        sync: motion encoder.
        text: text encoder.
        timeline: any timeline with the system's rates; the rates of the paper's 16 kHz stack if left out.
        sampling: how latents are made.
        device: where the network and the codec run.
        dtype: number format of the network; the codec always runs in float32 (case 29).
        longest: seconds the network was trained for; longer clips are made in overlapping windows.
        cache: keeps features by content, so that a second take of the same clip costs one network call.
    """

    def __init__(
        self,
        name: str,
        network: VelocityNetwork,
        codec: AudioCodec,
        semantic: VideoEncoder,
        sync: VideoEncoder,
        text: TextEncoder,
        *,
        timeline: Timeline | None = None,
        sampling: Sampling | None = None,
        device: torch.device | None = None,
        dtype: torch.dtype = torch.float32,
        longest: Seconds = 8,
        cache: FeatureCache | None = None,
    ) -> None:
        lines = timeline or Timeline(exact_seconds(longest))
        if not network.config.segment_tokens:
            lines = replace(lines, segment_frames=1, segment_hop=1, segment_tokens=1)  # a token a picture
        super().__init__(semantic, sync, lines, longest, cache)
        self.device = device or torch.device("cpu")
        self.name, self.network, self.codec = name, placed(network, self.device, dtype), codec
        self.text, self.sampling, self.dtype = text, sampling or Sampling(), dtype

    @property
    def sample_rate(self) -> int:
        """Samples a second of the sound it makes."""
        return self.codec.sample_rate

    def generate(
        self,
        video: Video | None = None,
        *,
        prompt: str = "",
        negative_prompt: str | None = None,
        steps: int | None = None,
        seed: int = -1,
        start: Seconds = 0,
        seconds: Seconds | None = None,
        fps: Seconds | None = None,
        cfg_strength: float | None = None,
        ignore_pictures: bool = False,
        progress: Progress = silent_progress,
    ) -> Sound:
        """One take for a clip (path, open file or uint8 array [f, h, w, 3]) and/or a prompt.

        Args:
            video: the clip; None makes sound from the prompt alone, which then needs `seconds`.
            prompt: what should be heard; "" for the picture alone.
            negative_prompt: what should not be heard, where the system can act on it.
            steps: network calls (a step each); None for the system's own default.
            seed: -1 picks one; the one used is in the result.
            start: first second of the clip to use.
            seconds: length; None for the whole clip.
            fps: pictures a second of an array.
            cfg_strength: guidance scale, where the system has that knob.
            ignore_pictures: use only movement and words, not what the pictures show.
            progress: called with (phase, share done); wrap it in `progress.TimeLeft` to be told how many
                seconds are left. A film is told as "watch", then "film".

        Raises:
            InputError: if something given cannot be used; the message says what and why.
            NonFiniteError: if the network produced NaN or infinity.
        """
        ask = Ask(prompt, negative_prompt, steps, cfg_strength, ignore_pictures)
        self.check(ask)
        watched = self.watch(video, start=start, seconds=seconds, fps=fps, progress=progress)
        return self.make(watched, ask, seed=seed, progress=progress)

    def make(
        self,
        watched: Watched,
        ask: Ask = JUST_AS_ASKED,
        *,
        seed: int = -1,
        progress: Progress = silent_progress,
    ) -> Sound:
        """One take from what was seen: N steps are N network calls (twice that with outside guidance)."""
        seed = runtime.pick_seed(seed)
        timings = dict(watched.timings)
        pieces = list(self.pieces(watched, ask, seed=seed, timings=timings, progress=progress))
        return self.sound_of(np.concatenate(pieces, axis=1), watched, ask, seed, timings)

    def sound_of(self, wave: Wave, watched: Watched, ask: Ask, seed: int, timings: dict[str, float]) -> Sound:
        """What was made, with all that is known of it."""
        warnings = watched.warnings + tuple(self.text.warnings(ask.prompt))
        calls = self.calls(ask) * max(1, len(watched.parts))
        seconds, tags = watched.timeline.seconds, self.tags(ask)
        return Sound(wave, self.sample_rate, seed, seconds, tags, timings, warnings, calls)

    def pieces(
        self,
        watched: Watched,
        ask: Ask = JUST_AS_ASKED,
        *,
        seed: int,
        timings: dict[str, float] | None = None,
        progress: Progress = silent_progress,
    ) -> Iterator[Wave]:
        """The take in pieces [1, samples], in order: all at once for a clip, window by window for a film.

        Raises:
            NonFiniteError: if the network produced NaN or infinity.
        """
        self.check(ask)
        timings = {} if timings is None else timings
        parts = watched.parts or (watched,)

        def windows() -> Iterator[Wave]:
            for k, part in enumerate(parts):
                if len(parts) > 1:
                    progress("film", k / len(parts))
                yield self._window(part, ask, long_form.window_seed(seed, k), timings, progress)
            if len(parts) > 1:
                progress("film", 1.0)

        rate = self.sample_rate
        cuts = [None if cut is None else round(cut * rate) for cut in watched.cuts]
        fade = round(long_form.CUT_FADE_SECONDS * rate)
        return long_form.joined(windows(), round(long_form.OVERLAP_SECONDS * rate), cuts, fade)

    def _window(
        self, part: Watched, ask: Ask, seed: int, timings: dict[str, float], progress: Progress
    ) -> Wave:
        with torch.inference_mode():
            with timed(timings, "text", progress):
                conditions = self.conditions(part, ask.prompt, ask.ignore_pictures)
            with timed(timings, "network", progress):
                latents = self.latents(part, conditions, ask, seed)
            with timed(timings, "codec", progress):
                wave = self.codec.decode(latents.float())[:, : part.timeline.samples]
        samples: Wave = wave.cpu().numpy().astype(np.float32)
        refuse_non_finite(samples)
        return samples

    def conditions(self, watched: Watched, prompt: str, ignore_pictures: bool = False) -> Conditions:
        """A batch of one: features where there are any, flags where there are none; blank text is no text."""
        semantic, sync = watched.semantic, watched.sync
        shown, moved = self.tokens(watched)
        nothing = {
            "semantic": torch.zeros(shown, self.semantic.dim),
            "sync": torch.zeros(moved, self.sync.dim),
        }
        conditions = Conditions(
            semantic=(nothing["semantic"] if semantic is None else semantic)[None],
            sync=(nothing["sync"] if sync is None else sync)[None],
            text=self._words(prompt),
            has_semantic=torch.tensor([semantic is not None and not ignore_pictures]),
            has_sync=torch.tensor([sync is not None]),
            has_text=torch.tensor([bool(prompt.strip())]),
        )
        return conditions.to(self.device, self.dtype)

    def tokens(self, watched: Watched) -> tuple[int, int]:
        """Tokens (semantic, sync) that the network is given of a clip."""
        lines = watched.timeline
        # As many tokens of "nothing" as the encoder would have given: attention counts them.
        shown = -(-lines.semantic_frames // getattr(self.semantic, "pictures_per_token", 1))
        return (
            shown if watched.semantic is None else len(watched.semantic),
            lines.sync_tokens if watched.sync is None else len(watched.sync),
        )

    def _words(self, prompt: str) -> Tensor:
        """Tokens [1 l r] of a prompt; a blank one is flagged absent, so that nothing need be encoded."""
        words = prompt.strip()
        return self.text.encode([words]) if words else torch.zeros(1, self.text.tokens, self.text.dim)

    def latents(self, watched: Watched, conditions: Conditions, ask: Ask, *seeds: int) -> Tensor:
        """[b n c], a row for each row of the conditions and its seed; the rest of what is asked is common."""
        count, steps = watched.timeline.latents, ask.steps or self.sampling.steps
        # Sampling is float32 whatever the network computes in: each step adds a small difference.
        noise = runtime.seeded_noise(list(seeds), (count, self.codec.dim)).to(self.device)
        noise = noise * self.sampling.temperature
        times = sampler.uniform_times(steps)
        wanted, strength = self.network.encode(conditions, count), self._strength(ask)
        if self.sampling.kind == "mean":
            given = self.network.given(wanted, count)
            told = (
                None if strength is None else torch.full((len(seeds),), float(strength), device=self.device)
            )
            latents = sampler.sample_mean(lambda x, t, s: given(x, t, s, told), noise, times)
        else:
            scale = 1.0 if strength is None else strength
            absent = wanted
            if scale > 1:
                absent = self.network.encode(self._absent(conditions, ask.negative_prompt), count)
            latents = sampler.integrate(sampler.guided(self.network, wanted, absent, scale), noise, times)
        return self.network.unstandardise(latents)

    def _absent(self, conditions: Conditions, negative_prompt: str | None) -> Conditions:
        """The unconditional side of guidance: nothing, or the words that are not wanted (reference A3)."""
        nothing = conditions.empty()
        if not (negative_prompt or "").strip():
            return nothing
        text = self._words(str(negative_prompt)).to(conditions.text).expand(nothing.batch, -1, -1)
        return replace(nothing, text=text, has_text=torch.ones_like(nothing.has_text))

    def _strength(self, ask: Ask) -> float | None:
        return self.sampling.guidance if ask.cfg_strength is None else ask.cfg_strength

    def calls(self, ask: Ask) -> int:
        """Network passes one window costs: steps, times two where guidance is applied from outside."""
        steps = ask.steps or self.sampling.steps
        strength = self._strength(ask)
        outside = self.sampling.kind == "flow" and strength is not None and strength > 1
        return steps * (2 if outside else 1)

    def tags(self, ask: Ask) -> dict[str, str]:
        """What is written into the file: how to make the take again."""
        steps = ask.steps or self.sampling.steps
        return {"software": "soundvcm", "model": self.name, "steps": str(steps), **ask.as_tags()}

    def check(self, ask: Ask) -> None:
        """Refuse knobs that have nothing to act on, in words (case 27).

        Raises:
            OptionError: naming the option and what to do.
        """
        if ask.steps is not None and not 1 <= ask.steps <= 1000:
            raise OptionError(f"num_steps must be 1 .. 1000, not {ask.steps}")
        trained_in = f"has nothing to act on: guidance is trained into {self.name}"
        if ask.cfg_strength is not None and self.sampling.guidance is None:
            raise OptionError(f"cfg_strength {trained_in}; leave it out")
        strength, least = self._strength(ask), 0.0 if self.sampling.kind == "flow" else 0.01
        if strength is not None and not (isfinite(strength) and strength >= least):
            raise OptionError(f"cfg_strength is a number from {least:g} upwards, not {strength:g}")
        negative = (ask.negative_prompt or "").strip()
        if negative and not self.sampling.negative_prompt:
            raise OptionError(f"negative_prompt {trained_in}; say in --prompt what should be heard")
        if negative and strength is not None and strength <= 1:
            raise OptionError(
                f"negative_prompt has nothing to act on with cfg_strength {strength:g}: set it above 1"
            )


def placed(network: VelocityNetwork, device: torch.device, dtype: torch.dtype) -> VelocityNetwork:
    """The network on a device and in a number format; the statistics of the latents stay float32."""
    kept = {name: value.float() for name, value in network.named_buffers() if name in STATISTICS}
    network = network.to(device, dtype)
    for name, value in kept.items():
        setattr(network, name, value.to(device))
    return network
