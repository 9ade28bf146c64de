"""What the embedded network may be told of drawn test scenes: motion, pictures, words, each encoded once.

Knows the encoders by their protocols and the scenes; nothing of networks, sampling or scores.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, get_args

import numpy as np
import torch
from torch import Tensor

from soundvcm.encoders import TextEncoder, VideoEncoder
from soundvcm.errors import OptionError
from soundvcm.records import Conditions
from tiny.scoring.scores import SceneSet
from tiny.store import imagined_features, tells

Told = Literal["text", "label", "drawing", "all", "contrary", "motion"]


class SceneEncoders(Protocol):
    """The three encoders of the embedded stack; a `Pipeline` or `FoleyParts` has them."""

    @property
    def semantic(self) -> VideoEncoder:
        """Pictures => meaning."""
        ...

    @property
    def sync(self) -> VideoEncoder:
        """Pictures => motion."""
        ...

    @property
    def text(self) -> TextEncoder:
        """Words => meaning."""
        ...


@dataclass(frozen=True)
class SceneFeatures:
    """Features of k scenes.

    Attributes:
        motion: [k, g, q].
        named: [k, seconds, p] picture features as a photograph of the scene's thing would give them.
        drawn: [k, seconds, p] picture features of the drawing itself; None if they were left out.
        text: [k, l, r] of the first caption.
    """

    motion: Tensor
    named: Tensor
    drawn: Tensor | None
    text: Tensor

    def conditions(self, told: Told) -> Conditions:
        """Motion and, by `told`: "text", "label" (a photograph of it), "drawing", "all" (photograph and
        text), "contrary" (text, and a photograph of another scene's thing), or "motion" alone.

        Raises:
            OptionError: for another word, or "drawing" where the drawings were left out.
        """
        if told not in get_args(Told):
            raise OptionError(f"a network is told one of {', '.join(get_args(Told))}, not {told!r}")
        if told == "drawing" and self.drawn is None:
            raise OptionError("the drawings were not encoded: ask scene_features for drawings=True")
        yes = torch.ones(len(self.motion), dtype=torch.bool)
        pictured, written = told not in ("text", "motion"), told in ("text", "all", "contrary")
        semantic = self.drawn if told == "drawing" and self.drawn is not None else self.named
        if told == "contrary":
            semantic = semantic.roll(len(semantic) // 2, dims=0)
        return Conditions(semantic, self.motion, self.text, yes & pictured, yes, yes & written)


def scene_features(encoders: SceneEncoders, scenes: SceneSet, *, drawings: bool = True) -> SceneFeatures:
    """Encode every scene once; `drawings=False` spares the picture encoder."""
    motion, named, drawn, text = [], [], [], []
    for scene in scenes.scenes:
        seconds = round(scene.seconds)
        rng = np.random.default_rng(scene.seed)
        motion.append(encoders.sync.encode(torch.from_numpy(scene.sampled(25, 64))))
        named.append(
            imagined_features(scene.labels, encoders.text, seconds, rng, sure=tells(encoders.semantic))
        )
        text.append(encoders.text.encode([scene.captions[0]])[0])
        if drawings:
            seen = encoders.semantic.encode(torch.from_numpy(scene.pictures(224, 4.0)))
            drawn.append(seen[(torch.arange(seconds) * len(seen)) // seconds])
    return SceneFeatures(
        torch.stack(motion), torch.stack(named), torch.stack(drawn) if drawings else None, torch.stack(text)
    )
