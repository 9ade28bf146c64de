"""Video and words in, sound out: the only file that knows the whole flow for use.

    media => encoders => network => sampler => codec => Sound

`watch` encodes a clip once; `make` turns what was seen into a take with one network call a step. Nothing here is
changed by a call, so several threads may use one pipeline for clips of different lengths. Knows no command line,
no training and no preset by name.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
import torch
from torch import Tensor

from soundvcm import media, runtime, sampler
from soundvcm.codec import AudioCodec
from soundvcm.encoders import FeatureCache, TextEncoder, VideoEncoder
from soundvcm.errors import InputError, OptionError
from soundvcm.network import VelocityNetwork
from soundvcm.records import Conditions
from soundvcm.sound import Sound
from soundvcm.timeline import Seconds, Timeline, exact_seconds

Progress = Callable[[str, float], None]
Video = str | Path | BinaryIO | np.ndarray[Any, Any]


@dataclass(frozen=True)
class Sampling:
    """How a system turns noise into latents.

    Attributes:
        kind: "mean" follows the average velocity, one call a step; "flow" integrates the instantaneous one.
        steps: default number of steps.
        guidance: default guidance scale; None where guidance is trained in and cannot be changed.
        negative_prompt: whether a negative prompt has something to act on.
    """

    kind: Literal["mean", "flow"] = "mean"
    steps: int = 1
    guidance: float | None = None
    negative_prompt: bool = False


@dataclass(frozen=True)
class Watched:
    """What the pipeline saw of one clip; any number of takes can be made from it.

    Attributes:
        timeline: exact lengths.
        semantic: [f, p] or None where there is no picture.
        sync: [g, q] or None where there is no movement to see (no video, a still picture).
        warnings: what the reader found strange.
        facts: what the file is.
        timings: seconds spent decoding and encoding.
    """

    timeline: Timeline
    semantic: Tensor | None = None
    sync: Tensor | None = None
    warnings: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    timings: dict[str, float] = field(default_factory=dict)


class Pipeline:
    """A loaded system: encoders, network, codec and the lengths that go with them.

    Args:
        name: what the system is called.
        network: velocity network, in evaluation mode.
        codec: latents to sound.
        semantic: picture encoder.
        sync: motion encoder.
        text: text encoder.
        timeline: any timeline with the system's rates.
        sampling: how latents are made.
        device: where the network and the codec run.
        dtype: number format of the network; the codec always runs in float32 (case 29).
        longest: seconds the network was trained for; longer clips are made in windows (`film`).
        shortest: seconds below which the network has nothing to work on.
    """

    def __init__(
        self,
        name: str,
        network: VelocityNetwork,
        codec: AudioCodec,
        semantic: VideoEncoder,
        sync: VideoEncoder,
        text: TextEncoder,
        timeline: Timeline,
        sampling: Sampling = Sampling(),  # noqa: B008 - frozen
        device: torch.device = torch.device("cpu"),  # noqa: B008 - a value, not state
        dtype: torch.dtype = torch.float32,
        longest: Seconds = 8,
        cache: FeatureCache | None = None,
    ) -> None:
        self.name, self.network, self.codec = name, network.to(device, dtype), codec
        self.semantic, self.sync, self.text = semantic, sync, text
        self.timeline, self.sampling = timeline, sampling
        self.device, self.dtype, self.longest = device, dtype, exact_seconds(longest)
        self.cache = cache

    @property
    def sample_rate(self) -> int:
        """Samples a second of the sound it makes."""
        return self.codec.sample_rate

    @property
    def specs(self) -> dict[str, Any]:
        """The pictures its encoders want, by role."""
        return {"semantic": self.semantic.frame_spec, "sync": self.sync.frame_spec}

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
        frame_rate: Seconds | None = None,
        cfg_strength: float | None = None,
        ignore_pictures: bool = False,
        progress: Progress = lambda phase, share: None,
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
            frame_rate: pictures a second of an array.
            cfg_strength: guidance scale, where the system has that knob.
            ignore_pictures: use only movement and words, not what the pictures show.
            progress: called with (phase, share done).

        Raises:
            InputError: if something given cannot be used; the message says what and why.
            NonFiniteError: if the network produced NaN or infinity.
        """
        self.check_options(prompt, negative_prompt, steps, cfg_strength)
        watched = self.watch(video, start=start, seconds=seconds, frame_rate=frame_rate, progress=progress)
        return self.make(
            watched,
            prompt=prompt,
            negative_prompt=negative_prompt,
            steps=steps,
            seed=seed,
            cfg_strength=cfg_strength,
            ignore_pictures=ignore_pictures,
            progress=progress,
        )

    def watch(
        self,
        video: Video | None,
        *,
        start: Seconds = 0,
        seconds: Seconds | None = None,
        frame_rate: Seconds | None = None,
        progress: Progress = lambda phase, share: None,
    ) -> Watched:
        """Decode and encode a clip once (or nothing, for sound from words alone).

        Raises:
            InputError: without a video and without a length; MediaError for files that cannot be read.
        """
        if video is None:
            if seconds is None:
                raise OptionError("without a video the length must be given: add --duration SECONDS")
            return Watched(self.timeline.at(seconds))
        timings: dict[str, float] = {}
        with _timed(timings, "decode", progress):
            footage = media.read_frames(
                video, self.specs, start=start, seconds=seconds, frame_rate=frame_rate
            )
        return self.encode(footage, timings, progress)

    def encode(
        self,
        footage: media.Footage,
        timings: dict[str, float] | None = None,
        progress: Progress = lambda phase, share: None,
    ) -> Watched:
        """Features of pictures that were read; a still picture has no movement (case 11)."""
        timings = {} if timings is None else timings
        with _timed(timings, "encode", progress), torch.inference_mode():
            semantic = self._features(self.semantic, footage.frames["semantic"])
            sync = None if footage.is_still else self._features(self.sync, footage.frames["sync"])
        return Watched(
            self.timeline.at(footage.seconds), semantic, sync, tuple(footage.warnings), footage.facts, timings
        )

    def _features(self, encoder: VideoEncoder, frames: Tensor) -> Tensor:
        if self.cache is None:
            return encoder.encode(frames)
        return self.cache.get(encoder, frames)

    def make(
        self,
        watched: Watched,
        *,
        prompt: str = "",
        negative_prompt: str | None = None,
        steps: int | None = None,
        seed: int = -1,
        cfg_strength: float | None = None,
        ignore_pictures: bool = False,
        progress: Progress = lambda phase, share: None,
    ) -> Sound:
        """One take from what was seen: N steps are N network calls (twice that with outside guidance)."""
        self.check_options(prompt, negative_prompt, steps, cfg_strength)
        seed = runtime.pick_seed(seed)
        steps = steps or self.sampling.steps
        timings = dict(watched.timings)
        with torch.inference_mode():
            with _timed(timings, "text", progress):
                conditions = self.conditions(watched, prompt, ignore_pictures)
                absent = self.conditions(Watched(watched.timeline), negative_prompt or "")
            with _timed(timings, "network", progress):
                latents, calls = self._latents(watched, conditions, absent, steps, seed, cfg_strength)
            with _timed(timings, "codec", progress):
                wave = self.codec.decode(latents.float())[:, : watched.timeline.samples]
        settings = {"software": "soundvcm", "model": self.name, "prompt": prompt.strip(), "steps": str(steps)}
        if cfg_strength is not None:
            settings["cfg_strength"] = f"{cfg_strength:g}"
        if negative_prompt:
            settings["negative_prompt"] = negative_prompt
        return Sound(
            wave.cpu().numpy().astype(np.float32),
            self.sample_rate,
            seed,
            watched.timeline.seconds,
            settings,
            timings,
            watched.warnings + tuple(self.text.warnings(prompt)),
            calls,
        )

    def conditions(self, watched: Watched, prompt: str, ignore_pictures: bool = False) -> Conditions:
        """A batch of one: features where there are any, flags where there are none; blank text is no text."""
        lines = watched.timeline
        text = self.text.encode([prompt.strip()])
        semantic, sync = watched.semantic, watched.sync
        semantic_dim, sync_dim = self.semantic.dim, self.sync.dim
        conditions = Conditions(
            semantic=torch.zeros(1, lines.semantic_frames, semantic_dim) if semantic is None else semantic[None],
            sync=torch.zeros(1, lines.sync_tokens, sync_dim) if sync is None else sync[None],
            text=text,
            has_semantic=torch.tensor([semantic is not None and not ignore_pictures]),
            has_sync=torch.tensor([sync is not None]),
            has_text=torch.tensor([bool(prompt.strip())]),
        )
        return conditions.to(self.device, self.dtype)

    def _latents(
        self,
        watched: Watched,
        conditions: Conditions,
        absent: Conditions,
        steps: int,
        seed: int,
        cfg_strength: float | None,
    ) -> tuple[Tensor, int]:
        count = watched.timeline.latents
        noise = runtime.seeded_noise([seed], (count, self.codec.dim)).to(self.device, self.dtype)
        times = sampler.uniform_times(steps)
        given = self.network.given(conditions, count)
        if self.sampling.kind == "mean":
            scale = None
            if self.network.config.guidance_input:
                value = cfg_strength if cfg_strength is not None else self.sampling.guidance
                scale = torch.tensor([value], device=self.device, dtype=self.dtype)
            latents = sampler.sample_mean(lambda x, t, s: given(x, t, s, scale), noise, times)
            return self.network.unstandardise(latents), steps
        strength = self.sampling.guidance if cfg_strength is None else cfg_strength
        velocity = sampler.guided(self.network, conditions, absent, strength, count)
        latents = sampler.integrate(velocity, noise, times)
        passes = 1 if strength is None or strength <= 1 else 2
        return self.network.unstandardise(latents), steps * passes

    def check_options(
        self, prompt: str, negative_prompt: str | None, steps: int | None, cfg_strength: float | None
    ) -> None:
        """Refuse knobs that have nothing to act on, in words (case 27).

        Raises:
            OptionError: naming the option and what to do.
        """
        if steps is not None and not 1 <= steps <= 1000:
            raise OptionError(f"num_steps must be 1 .. 1000, not {steps}")
        if cfg_strength is not None and self.sampling.guidance is None:
            raise OptionError(
                f"cfg_strength has nothing to act on: guidance is trained into {self.name}; leave it out"
            )
        if negative_prompt and not self.sampling.negative_prompt:
            raise OptionError(
                f"negative_prompt has nothing to act on: guidance is trained into {self.name}; "
                "say in --prompt what should be heard"
            )

    def with_sampling(self, **changes: Any) -> Sampling:
        """The sampling settings with changes, for reports."""
        return replace(self.sampling, **changes)


@contextmanager
def _timed(timings: dict[str, float], phase: str, progress: Progress) -> Iterator[None]:
    progress(phase, 0.0)
    began = time.perf_counter()
    yield
    timings[phase] = timings.get(phase, 0.0) + time.perf_counter() - began
    progress(phase, 1.0)


def require_frames_rate(video: object, frame_rate: Fraction | None, seconds: Fraction | None) -> None:
    """An array of pictures needs its rate or its length (case 03).

    Raises:
        InputError: naming the missing argument.
    """
    if isinstance(video, np.ndarray) and frame_rate is None and seconds is None:
        raise InputError("an array of frames needs frame_rate=... (or seconds=...): it has no rate of its own")
