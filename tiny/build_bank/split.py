"""Divides sources into train, valid and test so that no recording, sample or synthetic body is on two
sides. Knows only names.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable

SPLITS = ("train", "valid", "test")
_TEST_PART, _VALID_PART = 0.12, 0.08


def _rank(source: str) -> str:
    return hashlib.sha256(source.encode()).hexdigest()


def assign(clips: Iterable[tuple[str, str, str]], chosen: dict[str, str]) -> None:
    """(kind, origin, source) of every clip => split of every source, added to `chosen`.

    Call it once an edition: what an earlier one has chosen stays, and only the first promises clips of each
    split.

    Within each kind and origin (recording, soundfont, synthesis) sources are taken in the order of their
    hash: about 12 % to test and 8 % to valid, and none that overshoots that by more than one clip. Each
    kind gets at least 2 test clips and 1 valid clip. A source that several kinds share keeps the split it
    got first.
    """
    kinds: dict[str, dict[str, dict[str, int]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(int)))
    for kind, origin, source in clips:
        kinds[kind][origin][source] += 1
    later = bool(chosen)
    for kind in sorted(kinds):
        sizes = {s: n for origin in kinds[kind].values() for s, n in origin.items()}
        total = sum(sizes.values())
        for split, part, least in (("test", _TEST_PART, 2), ("valid", _VALID_PART, 1)):
            have = sum(n for s, n in sizes.items() if chosen.get(s) == split)
            for origin in sorted(kinds[kind]):
                names = sorted(kinds[kind][origin], key=_rank)
                room = round(part * sum(sizes[s] for s in names)) or (1 if len(names) >= 5 else 0)
                have += _take(names, sizes, total, room, split, chosen)
            order = sorted(sizes, key=lambda s: (sizes[s], _rank(s)))
            if not later:
                have += _take(order, sizes, total, least - have, split, chosen)
        for source in sizes:
            chosen.setdefault(source, "train")


def _take(
    names: list[str], sizes: dict[str, int], total: int, room: int, split: str, chosen: dict[str, str]
) -> int:
    """Gives `split` to the first free names until `room` clips are taken; returns how many clips were."""
    taken = 0
    for name in names:
        if taken >= room:
            break
        if name not in chosen and sizes[name] <= min(max(2, room - taken + 1), max(2, total // 4)):
            chosen[name] = split
            taken += sizes[name]
    return taken
