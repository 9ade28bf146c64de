"""The first half of the flow: a clip is decoded and encoded once, in windows if it is long.

    media => encoders => ClipFeatures => (with a prompt) Conditions

Knows media, the encoders' protocols and reference sounds, not the network.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO, Union

import numpy as np
import torch
from torch import Tensor

from soundvcm import media
from soundvcm.encoders import FeatureCache, VideoEncoder
from soundvcm.errors import OptionError
from soundvcm.generate import long_form
from soundvcm.generate.options import GenerateOptions
from soundvcm.generate.progress import Progress, silent_progress, timed
from soundvcm.generate.reference_sounds import ReferenceSounds
from soundvcm.records import Conditions, FrameSpec
from soundvcm.timeline import Seconds, Timeline, exact_seconds

Video = Union[str, Path, BinaryIO, np.ndarray[Any, Any], "media.ReadAhead"]


@dataclass(frozen=True)
class ClipFeatures:
    """What the encoders say of one clip; any number of takes can be made from it.

    Attributes:
        timeline: exact lengths.
        semantic: [f, p] or None where there is no picture.
        sync: [g, q] or None where there is no movement to see (no video, a still picture).
        warnings: what the reader found strange.
        facts: what the file is.
        timings: seconds spent decoding and encoding.
        parts: windows of a clip longer than the system takes at once; empty for the others.
        cuts: for the join before each further window: seconds into the overlap at which the shot changes.
    """

    timeline: Timeline
    semantic: Tensor | None = None
    sync: Tensor | None = None
    warnings: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    timings: dict[str, float] = field(default_factory=dict)
    parts: tuple[ClipFeatures, ...] = ()
    cuts: tuple[Fraction | None, ...] = ()


class ClipEncoder:
    """Turns clips into features: decoding, image and motion encoders, windows of long ones.

    Args:
        semantic: image encoder.
        sync: motion encoder.
        timeline: any timeline with the system's rates.
        longest: seconds of one window.
        cache: keeps features by content.
    """

    def __init__(
        self,
        semantic: VideoEncoder,
        sync: VideoEncoder,
        timeline: Timeline,
        longest: Seconds,
        cache: FeatureCache | None,
    ) -> None:
        self.semantic, self.sync, self.timeline = semantic, sync, timeline
        self.longest, self.cache = exact_seconds(longest), cache

    @property
    def specs(self) -> dict[str, FrameSpec]:
        """The pictures its encoders want, by role."""
        return {"semantic": self.semantic.frame_spec, "sync": self.sync.frame_spec}

    def encode_clip(
        self,
        video: Video | None,
        *,
        start: Seconds = 0,
        duration: Seconds | None = None,
        fps: Seconds | None = None,
        progress: Progress = silent_progress,
    ) -> ClipFeatures:
        """Decode and encode a clip once (or nothing, for sound from a prompt alone).

        Raises:
            InputError: without a video and without a length; MediaError for files that cannot be read.
        """
        if video is None:
            if duration is None:
                raise OptionError("without a video the length must be given: add --duration SECONDS")
            return self.without_video(exact_seconds(duration))
        timings: dict[str, float] = {}
        parts: list[ClipFeatures] = []
        cuts: list[Fraction | None] = []
        windows = media.windows(
            video, self.specs, self.longest, self._hop, start=start, seconds=duration, fps=fps
        )
        while True:
            with timed(timings, "decode", progress):
                decoded = next(windows, None)
            if decoded is None:
                break
            parts.append(self.encode_frames(decoded, timings, progress))
            total = _whole_seconds(decoded, start, duration)
            if total is not None and total > self.longest:
                done = decoded.start + decoded.seconds - exact_seconds(start)
                progress("watch", float(min(done / total, Fraction(99, 100))))
            cuts.append(next((cut for cut in decoded.cuts if cut < long_form.OVERLAP_SECONDS), None))
        if len(parts) == 1:
            return replace(parts[0], timings=timings)
        progress("watch", 1.0)
        length = (len(parts) - 1) * self._hop + parts[-1].timeline.seconds
        warnings = tuple(dict.fromkeys(line for part in parts for line in part.warnings))
        return ClipFeatures(
            self.timeline.at(length),
            warnings=warnings,
            facts=parts[0].facts,
            timings=timings,
            parts=tuple(parts),
            cuts=tuple(cuts[1:]),
        )

    def read_ahead(
        self, clip: Path, start: Seconds = 0, duration: Seconds | None = None
    ) -> media.ReadAhead | None:
        """A clip as a thread reads it from now on, to be given to `encode_clip` with the same range.

        None for what is no file at rest: a pipe is read once.
        """
        if not clip.is_file():
            return None
        return media.ReadAhead(clip, self.specs, self.longest, self._hop, start, duration)

    @property
    def _hop(self) -> Fraction:
        return self.longest - long_form.OVERLAP_SECONDS

    def without_video(self, seconds: Fraction) -> ClipFeatures:
        """Features of nothing: lengths only, for sound from a prompt alone."""
        if seconds <= self.longest:
            return ClipFeatures(self.timeline.at(seconds))
        count = -(-(seconds - self.longest) // self._hop) + 1
        lengths = [min(self.longest, seconds - k * self._hop) for k in range(count)]
        parts = tuple(ClipFeatures(self.timeline.at(length)) for length in lengths)
        return ClipFeatures(self.timeline.at(seconds), parts=parts, cuts=(None,) * (count - 1))

    def encode_frames(
        self,
        decoded: media.DecodedVideo,
        timings: dict[str, float] | None = None,
        progress: Progress = silent_progress,
    ) -> ClipFeatures:
        """Features of pictures that were read; a still picture has no movement (case 11)."""
        timings = {} if timings is None else timings
        with timed(timings, "encode", progress), torch.inference_mode():
            semantic = self._features(self.semantic, decoded.frames["semantic"])
            sync = None if decoded.is_still else self._features(self.sync, decoded.frames["sync"])
        lines, warnings = self.timeline.at(decoded.seconds), tuple(decoded.warnings)
        if sync is not None and not lines.whole_segments:
            least = float(lines.segment_frames / lines.sync_rate)
            warnings += (f"the clip is shorter than {least:g} s: its last picture is repeated to fill that",)
        return ClipFeatures(lines, semantic, sync, warnings, decoded.info.as_dict())

    def _features(self, encoder: VideoEncoder, frames: Tensor) -> Tensor:
        return encoder.encode(frames) if self.cache is None else self.cache.get(encoder, frames)


def asked_range(video: Video | None, options: GenerateOptions) -> tuple[Fraction, Fraction]:
    """Where a take of segments begins and ends, in seconds of the clip: as asked, or to the end of the clip.

    The end is the container's where there is a file that says it, else that of the last segment.
    """
    start = exact_seconds(options.start)
    if options.duration is not None:
        return start, start + exact_seconds(options.duration)
    claimed = media.claimed_info(video).claimed_seconds if isinstance(video, str | Path) else None
    return start, claimed or max(one.span[1] for one in options.segments)


def _whole_seconds(decoded: media.DecodedVideo, start: Seconds, seconds: Seconds | None) -> Fraction | None:
    """Length of the range that a window belongs to, as far as its file can be believed; None if unknown."""
    asked, claimed = None if seconds is None else exact_seconds(seconds), decoded.info.claimed_seconds
    if decoded.is_still or claimed is None:
        return asked
    there = claimed - exact_seconds(start)
    return there if asked is None else min(asked, there)


def conditions_of(
    features: ClipFeatures,
    words: Tensor,
    dims: tuple[int, int],
    tokens: tuple[int, int],
    prompt: str,
    ignore_pictures: bool,
    reference: ReferenceSounds | None,
) -> Conditions:
    """A batch of one; a blank prompt is no text.

    With reference sounds a prompt outweighs the pictures, which the network would else believe more, and
    without a video the motion is that of a drawn scene of the prompt's kind.

    Args:
        features: of the clip.
        words: [1 l r] of the prompt.
        dims: of the features (semantic, sync).
        tokens: how many of them where there are none.
        prompt: as given.
        ignore_pictures: tell nothing of what the pictures show.
        reference: the system's reference sounds, None without.
    """
    semantic, sync = features.semantic, features.sync
    if reference is not None and prompt.strip():
        ignore_pictures = True
        if sync is None and semantic is None:
            sync = reference.course(prompt, tokens[1])
    shown, moved = (torch.zeros(count, dim) for count, dim in zip(tokens, dims, strict=True))
    return Conditions(
        semantic=(shown if semantic is None else semantic)[None],
        sync=(moved if sync is None else sync)[None],
        text=words,
        has_semantic=torch.tensor([semantic is not None and not ignore_pictures]),
        has_sync=torch.tensor([sync is not None]),
        has_text=torch.tensor([bool(prompt.strip())]),
    )


def token_counts(features: ClipFeatures, pictures_per_token: int) -> tuple[int, int]:
    """Tokens (semantic, sync) that a network is given of a clip."""
    lines = features.timeline
    # As many tokens of "nothing" as the encoder would have given: attention counts them.
    shown = -(-lines.semantic_frames // pictures_per_token)
    return (
        shown if features.semantic is None else len(features.semantic),
        lines.sync_tokens if features.sync is None else len(features.sync),
    )
