"""Video and words in, sound out: the only file that knows the whole flow for use.

    media => encoders => network => sampler => codec => Audio

`encode_clip` encodes a clip once; `take` turns its features into a sound with one call a step. Nothing here
is changed by a call, so several threads may use one pipeline for clips of different lengths. Knows no command
line, no training and no system by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from soundvcm import runtime, sampler
from soundvcm.codec import AudioCodec
from soundvcm.encoders import FeatureCache, TextEncoder, VideoEncoder
from soundvcm.errors import OptionError
from soundvcm.generate import long_form
from soundvcm.generate.audio import Audio, Wave, refuse_non_finite
from soundvcm.generate.clip_encoder import ClipEncoder, ClipFeatures, Video, conditions_of, token_counts
from soundvcm.generate.options import DEFAULTS, FILE_OPTIONS, GenerateOptions, Sampling
from soundvcm.generate.progress import Progress, silent_progress, timed
from soundvcm.generate.reference_sounds import LIKE_TIME, ReferenceSounds, follows
from soundvcm.generate.segmented import take_segments
from soundvcm.network import VelocityNetwork, placed
from soundvcm.records import Conditions
from soundvcm.timeline import Seconds, Timeline, exact_seconds


class Pipeline:
    """A loaded system: clip and text encoders, network, codec and the lengths that go with them.

    Args:
        name: what the system is called.
        network: velocity network, in evaluation mode.
        codec: latents to sound.
        semantic: image encoder.
        sync: motion encoder.
        text: text encoder.
        timeline: any timeline with the system's rates; the rates of the paper's 16 kHz stack if left out.
        sampling: how latents are made.
        device: where the network and the codec run.
        dtype: number format of the network; the codec always runs in float32 (case 29).
        longest: seconds the network was trained for; longer clips are made in overlapping windows.
        cache: keeps features by content, so that a second take of the same clip costs one network call.
        reference: its reference sounds; None for a system without, which then always is its network alone.
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
        reference: ReferenceSounds | None = None,
    ) -> None:
        lines = timeline or Timeline(exact_seconds(longest))
        if not network.config.segment_tokens:
            lines = replace(lines, segment_frames=1, segment_hop=1, segment_tokens=1)  # a token a picture
        self.clip_encoder = ClipEncoder(semantic, sync, lines, longest, cache)
        self.device = device or torch.device("cpu")
        self.name, self.network, self.codec = name, placed(network, self.device, dtype), codec
        self.text, self.sampling, self.dtype = text, sampling or Sampling(), dtype
        self.reference, self._process = reference, runtime.this_process()

    @property
    def semantic(self) -> VideoEncoder:
        """Images => what they show."""
        return self.clip_encoder.semantic

    @property
    def sync(self) -> VideoEncoder:
        """Images => how they move."""
        return self.clip_encoder.sync

    @property
    def sample_rate(self) -> int:
        """Samples a second of the sound it makes."""
        return self.codec.sample_rate

    def generate(
        self,
        video: Video | None = None,
        *,
        fps: Seconds | None = None,
        progress: Progress = silent_progress,
        **options: Any,
    ) -> Audio:
        """One take, in memory, for a clip (path, open file or uint8 array [f, h, w, 3]) and/or a prompt.

            pipeline.generate("clip.mp4", prompt="rain on a tin roof", num_steps=1, seed=7)

        Long clips and files: `render`, which writes window by window. An array keeps its own `fps`.

        Args:
            video: the clip; None makes sound from the prompt alone, which then needs `duration`.
            fps: pictures a second of an array.
            progress: called with (phase, share done); wrap it in `progress.TimeLeft` to be told how many
                seconds are left. A long clip is told as "watch", then "film".
            options: prompt, negative_prompt, duration, start, num_steps, seed, cfg_strength, ignore_pictures,
                kind, like, renderer, segments, as `GenerateOptions` explains them.

        Raises:
            InputError: if something given cannot be used; the message says what and why.
            NonFiniteError: if the network produced NaN or infinity.
        """
        asked = GenerateOptions.of(options)
        if misplaced := sorted(FILE_OPTIONS & options.keys()):
            raise OptionError(f"{misplaced[0]} is about files: use Audio.save, Audio.mux or soundvcm.render")
        self.check(asked)
        if asked.segments:
            return self.take_segments(video, asked, fps=fps, seed=asked.seed, progress=progress)
        features = self.encode_clip(
            video, start=asked.start, duration=asked.duration, fps=fps, progress=progress
        )
        return self.take(features, asked, seed=asked.seed, progress=progress)

    def encode_clip(self, video: Video | None, **options: Any) -> ClipFeatures:
        """Features of a clip, for any number of takes: `ClipEncoder.encode_clip`."""
        return self.clip_encoder.encode_clip(video, **options)

    def take(
        self,
        features: ClipFeatures,
        options: GenerateOptions = DEFAULTS,
        *,
        seed: int = -1,
        progress: Progress = silent_progress,
    ) -> Audio:
        """One take from features: N steps are N network calls (twice that with outside guidance)."""
        seed = runtime.pick_seed(seed)
        timings = dict(features.timings)
        credits: list[str] = []
        pieces = self.stream(
            features, options, seed=seed, timings=timings, progress=progress, credits=credits
        )
        wave = np.concatenate(list(pieces), axis=1)
        return self.audio_of(wave, features, options, seed, timings, credits)

    def take_segments(self, video: Video | None, options: GenerateOptions, **given: Any) -> Audio:
        """One take whose segments are made by themselves: `segmented.take_segments`."""
        return take_segments(self, video, options, **given)

    def audio_of(
        self,
        wave: Wave,
        features: ClipFeatures,
        options: GenerateOptions,
        seed: int,
        timings: dict[str, float],
        credits: Sequence[str] = (),
    ) -> Audio:
        """What was made, with all that is known of it."""
        warnings = features.warnings + tuple(self.remarks(options))
        calls = self.calls(options) * max(1, len(features.parts))
        seconds, tags = features.timeline.seconds, self.tags(options)
        return Audio(wave, self.sample_rate, seed, seconds, tags, timings, warnings, calls, tuple(credits))

    def remarks(self, options: GenerateOptions) -> list[str]:
        """What the user should know about the prompt."""
        near = self.reference.remarks(options) if self.reference else []
        return [*self.text.warnings(options.prompt), *near]

    def stream(
        self,
        features: ClipFeatures,
        options: GenerateOptions = DEFAULTS,
        *,
        seed: int,
        timings: dict[str, float] | None = None,
        progress: Progress = silent_progress,
        credits: list[str] | None = None,
    ) -> Iterator[Wave]:
        """The take in pieces [1, samples], in order: all at once for a clip, window by window for a long one.

        Raises:
            NonFiniteError: if the network produced NaN or infinity.
        """
        self.check(options)
        timings = {} if timings is None else timings
        named = [] if credits is None else credits
        parts = features.parts or (features,)

        def windows() -> Iterator[Wave]:
            for k, part in enumerate(parts):
                if len(parts) > 1:
                    progress("film", k / len(parts))
                wave = self._window(part, options, long_form.window_seed(seed, k), timings, progress)
                own = long_form.window_seed(seed, k)
                if self.reference is not None:
                    with timed(timings, "place", progress):
                        wave, used = self.finished(wave, part, options, own, seed, len(parts) == 1)
                    named.extend(line for line in used if line not in named)
                yield wave
            if len(parts) > 1:
                progress("film", 1.0)

        rate = self.sample_rate
        cuts = [None if cut is None else round(cut * rate) for cut in features.cuts]
        fade = round(long_form.CUT_FADE_SECONDS * rate)
        return long_form.joined(windows(), round(long_form.OVERLAP_SECONDS * rate), cuts, fade)

    def _window(
        self,
        part: ClipFeatures,
        options: GenerateOptions,
        seed: int,
        timings: dict[str, float],
        progress: Progress,
    ) -> Wave:
        with torch.inference_mode():
            with timed(timings, "text", progress):
                conditions = self.conditions(part, options.prompt, options.ignore_pictures)
            with timed(timings, "network", progress):
                latents = self.latents(part, conditions, options, seed)
            with timed(timings, "codec", progress):
                wave = self.codec.decode(latents.float())[:, : part.timeline.samples]
        samples: Wave = wave.cpu().numpy().astype(np.float32)
        refuse_non_finite(samples)
        return samples

    @torch.inference_mode()
    def finished(
        self, wave: Wave, features: ClipFeatures, options: GenerateOptions, seed: int, take: int, alone: bool
    ) -> tuple[Wave, list[str]]:
        """The sound of a window from the network's own [1, s], by its `ReferenceSounds`, if it has any."""
        if self.reference is None:
            return wave, []
        rate, semantic, still = self.sample_rate, features.semantic, features.sync is None
        return self.reference.finished(
            wave, rate, options, semantic, take, lambda start: self._from(start, features, options, seed),
            quiet_stays=not (alone or still), alone=alone,
        )  # fmt: skip

    def _from(self, wave: Wave, features: ClipFeatures, options: GenerateOptions, seed: int) -> Wave:
        """The network's sound [1, s] when it starts at `LIKE_TIME` from a wave [1, s] and not from noise."""
        given = torch.from_numpy(wave).to(self.device)
        start = self.network.standardise(self.codec.encode(given).mean)
        conditions = self.conditions(features, options.prompt, options.ignore_pictures)
        latents = self.latents(features, conditions, options, seed, start=start)
        return self.codec.decode(latents.float())[:, : wave.shape[1]].cpu().numpy().astype(np.float32)

    def conditions(self, features: ClipFeatures, prompt: str, ignore_pictures: bool = False) -> Conditions:
        """A batch of one: features where there are any, flags where there are none; see `conditions_of`."""
        dims, tokens, words = (self.semantic.dim, self.sync.dim), self.tokens(features), self._words(prompt)
        found = conditions_of(features, words, dims, tokens, prompt, ignore_pictures, self.reference)
        return found.to(self.device, self.dtype)

    def tokens(self, features: ClipFeatures) -> tuple[int, int]:
        """Tokens (semantic, sync) that the network is given of a clip."""
        return token_counts(features, getattr(self.semantic, "pictures_per_token", 1))

    def _words(self, prompt: str) -> Tensor:
        """Tokens [1 l r] of a prompt; a blank one is flagged absent, so that nothing need be encoded."""
        words = prompt.strip()
        return self.text.encode([words]) if words else torch.zeros(1, self.text.tokens, self.text.dim)

    def latents(
        self,
        features: ClipFeatures,
        conditions: Conditions,
        options: GenerateOptions,
        *seeds: int,
        start: Tensor | None = None,
    ) -> Tensor:
        """[b n c], a row for each row of the conditions and its seed; the rest of what is asked is common.

        From `start` [b n c] (standardised latents) the sampler begins at `LIKE_TIME` instead of at noise.
        """
        count, steps = features.timeline.latents, options.num_steps or self.sampling.steps
        # Sampling is float32 whatever the network computes in: each step adds a small difference.
        noise = runtime.seeded_noise(list(seeds), (count, self.codec.dim)).to(self.device)
        noise = noise * self.sampling.temperature
        times = sampler.uniform_times(steps)
        if start is not None:
            noise = (1 - LIKE_TIME) * start[:, :count] + LIKE_TIME * noise
            times = [LIKE_TIME * time for time in times]
        wanted, strength = self.network.encode(conditions, count), self.sampling.strength(options)
        if self.sampling.kind == "mean":
            given = self.network.given(wanted, count)
            rows = (len(seeds),)
            told = None if strength is None else torch.full(rows, float(strength), device=self.device)
            latents = sampler.sample_mean(lambda x, t, s: given(x, t, s, told), noise, times)
        else:
            scale = 1.0 if strength is None else strength
            absent = wanted
            if scale > 1:
                absent = self.network.encode(self._absent(conditions, options.negative_prompt), count)
            latents = sampler.integrate(sampler.guided(self.network, wanted, absent, scale), noise, times)
        return self.network.unstandardise(latents)

    def _absent(self, conditions: Conditions, negative_prompt: str | None) -> Conditions:
        """The unconditional side of guidance: nothing, or the words that are not wanted ."""
        nothing = conditions.empty()
        if not (negative_prompt or "").strip():
            return nothing
        text = self._words(str(negative_prompt)).to(conditions.text).expand(nothing.batch, -1, -1)
        return replace(nothing, text=text, has_text=torch.ones_like(nothing.has_text))

    def calls(self, options: GenerateOptions) -> int:
        """Network passes one window costs: steps, times two where guidance is applied from outside."""
        steps = options.num_steps or self.sampling.steps
        strength = self.sampling.strength(options)
        outside = self.sampling.kind == "flow" and strength is not None and strength > 1
        again = self.reference is not None and options.renderer == "network" and follows(options)
        return steps * (2 if outside else 1) * (2 if again else 1)

    def tags(self, options: GenerateOptions) -> dict[str, str]:
        """What is written into the file: how to make the take again."""
        steps = options.num_steps or self.sampling.steps
        return {"software": "soundvcm", "model": self.name, "steps": str(steps), **options.tags}

    def check(self, options: GenerateOptions) -> None:
        """Refuse knobs that have nothing to act on, in words (case 27).

        Raises:
            OptionError: naming the option and what to do; DeviceError in a process forked after loading.
        """
        runtime.refuse_after_fork(self._process)
        self.sampling.check(options, self.name, self.reference is not None)
        if options.kind is not None and self.reference is not None:
            self.reference.bank().kind(options.kind)
