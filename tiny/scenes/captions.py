"""What a person would type for a scene: captions from the kinds' phrases, and names of things in the picture.

Knows phrases and how often things happen; no pictures, no sounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

Generator = np.random.Generator

ALONE = (
    "{p}",
    "{p}",
    "{P}.",
    "sound effect: {p}",
    "{p}, close up",
    "foley of: {p}",
    "{short}",
    "{short} sound",
    "sound of {short}",
)
OVER = (
    "{p}, {q} in the background",
    "{p} and {q}",
    "{P}, and further off: {q}",
    "{p}; behind it {q}",
    "{p} + {q}",
    "{short} with {other}",
    "{p}",
)
PACE = {
    "once": ("{p}, once", "a single time: {p}", "{p}"),
    "slow": ("{p}, slowly", "{p} now and then", "{p}"),
    "often": ("{p}, again and again", "{p} repeatedly", "fast: {p}"),
}


class Named(Protocol):
    """What captions need of a kind of sound."""

    @property
    def name(self) -> str:
        """Name such as glass_break."""
        ...

    @property
    def phrases(self) -> Sequence[str]:
        """Ways to say it."""
        ...

    @property
    def labels(self) -> Sequence[str]:
        """Names of things that make it."""
        ...


def write_captions(
    rng: Generator, main: Named, other: Named | None, events: int, seconds: float
) -> tuple[str, ...]:
    """Five different captions of one scene, short labels and sentences mixed.

    Args:
        rng: source of chance.
        main: kind of the main sound.
        other: kind of the second sound or of the ambience under it, if there is one.
        events: how many events the main sound has; 0 for a lasting sound.
        seconds: length of the scene.
    """
    found: dict[str, None] = {}
    phrases, others = _shuffled(rng, main.phrases), _shuffled(rng, other.phrases) if other else ["-"]
    templates = list(OVER if other else ALONE)
    if events:
        templates += PACE["once" if events == 1 else "often" if events > 1.5 * seconds else "slow"]
    order = rng.permutation(len(templates))
    names = {"short": main.name.replace("_", " "), "other": other.name.replace("_", " ") if other else ""}
    for i in range(40):
        p, q = phrases[i % len(phrases)], others[(i + i // 5) % len(others)]
        text = templates[order[i % len(order)]].format(p=p, P=p[:1].upper() + p[1:], q=q, **names)
        found.setdefault(text)
        if len(found) == 5:
            break
    return tuple(found)


def choose_labels(rng: Generator, main: Named, other: Named | None) -> tuple[str, ...]:
    """Names a picture classifier could give: up to three makers of the main sound, maybe one of the other."""
    labels = _shuffled(rng, main.labels)[: int(rng.integers(1, 4))] or [main.name.replace("_", " ")]
    if other is not None and other.labels and rng.random() < 0.5:
        labels.append(_shuffled(rng, other.labels)[0])
    return tuple(dict.fromkeys(labels))


def _shuffled(rng: Generator, words: Sequence[str]) -> list[str]:
    return [words[int(i)] for i in rng.permutation(len(words))]
