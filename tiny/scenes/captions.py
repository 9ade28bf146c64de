"""What a person would type for a scene: captions from the kinds' phrases, and names of things in the picture.

Also the same as it is really typed: with wishes around it and letters wrong.

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

TYPED = (
    "{c} no music", "no music, {c}", "{c}, no voices", "only {c}", "just {c} please", "{c} sfx", "{c} asmr",
    "{c} 4k", "realistic {c}", "i need the sound of {c}", "make it sound like {c}", "video with {c}",
    "{c}!!", "can you add {c}", "{c} without music or speech", "high quality recording of {c}",
    "add {c} sounds", "{c} {c}",
)  # fmt: skip


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


def typed_captions(rng: Generator, captions: Sequence[str]) -> tuple[str, ...]:
    """Two more captions of a scene as people type them: one within a wish, one with a letter wrong."""
    first, second = (captions[int(rng.integers(len(captions)))] for _ in range(2))
    wish = TYPED[int(rng.integers(len(TYPED)))].format(c=first.rstrip(".").lower())
    return tuple(text for text in dict.fromkeys((wish, mistyped(rng, second))) if text not in captions)


def mistyped(rng: Generator, text: str) -> str:
    """The text with one of its longer words misspelt: a letter left out, doubled, or two exchanged."""
    words = text.split(" ")
    long = [k for k, word in enumerate(words) if len(word) > 3]
    if not long:
        return text
    k = long[int(rng.integers(len(long)))]
    word, at = words[k], int(rng.integers(1, len(words[k]) - 1))
    changed = (
        word[:at] + word[at + 1 :],
        word[:at] + word[at] + word[at:],
        word[:at] + word[at + 1] + word[at] + word[at + 2 :],
    )
    words[k] = changed[int(rng.integers(3))]
    return " ".join(words)


def choose_labels(rng: Generator, main: Named, other: Named | None) -> tuple[str, ...]:
    """Names a picture classifier could give: up to three makers of the main sound, maybe one of the other."""
    labels = _shuffled(rng, main.labels)[: int(rng.integers(1, 4))] or [main.name.replace("_", " ")]
    if other is not None and other.labels and rng.random() < 0.5:
        labels.append(_shuffled(rng, other.labels)[0])
    return tuple(dict.fromkeys(labels))


def _shuffled(rng: Generator, words: Sequence[str]) -> list[str]:
    return [words[int(i)] for i in rng.permutation(len(words))]
