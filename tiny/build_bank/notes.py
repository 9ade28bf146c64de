"""Which notes of the two MIT soundfonts (FluidR3 GM and GS) are rendered for which kind. A table and
nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

from soundfont import Note


@dataclass(frozen=True)
class Notes:
    """Notes of one preset for one kind; `cut` is hit, hits or lasting, as in recordings.csv."""

    kind: str
    font: str
    bank: int
    program: int
    keys: tuple[int, ...]
    cut: str = "hit"
    held_seconds: float = 1.6
    velocities: tuple[int, ...] = (110, 80)

    def notes(self) -> list[Note]:
        """Each key once; the velocities take turns."""
        return [
            Note(self.bank, self.program, key, self.velocities[i % len(self.velocities)], self.held_seconds)
            for i, key in enumerate(self.keys)
        ]


def _lasting(kind: str, font: str, bank: int, program: int, keys: tuple[int, ...] = (55, 60, 65)) -> Notes:
    return Notes(kind, font, bank, program, keys, "lasting", 6.5, (110,))


KITS = (0, 8, 16, 24, 25, 32, 40, 48)

TABLE: tuple[Notes, ...] = (
    Notes("piano", "gm", 0, 0, tuple(range(33, 99, 2))),
    Notes("guitar", "gm", 0, 24, tuple(range(40, 80, 3))),
    Notes("guitar", "gm", 0, 25, tuple(range(41, 80, 3))),
    Notes("guitar", "gm", 0, 27, tuple(range(42, 80, 6))),
    Notes("violin", "gm", 0, 40, tuple(range(55, 92, 3)), held_seconds=1.3),
    Notes("violin", "gm", 0, 42, tuple(range(36, 70, 3)), held_seconds=1.3),
    Notes("trumpet", "gm", 0, 56, tuple(range(54, 86, 3)), held_seconds=1.0),
    Notes("trumpet", "gm", 0, 57, tuple(range(40, 72, 3)), held_seconds=1.0),
    Notes("trumpet", "gm", 0, 60, tuple(range(41, 74, 4)), held_seconds=1.0),
    Notes("marimba", "gm", 0, 12, tuple(range(48, 88, 4))),
    Notes("marimba", "gm", 0, 13, tuple(range(60, 100, 4))),
    Notes("marimba", "gm", 0, 11, tuple(range(53, 90, 4))),
    Notes("marimba", "gm", 0, 9, tuple(range(72, 100, 6))),
    Notes("bell", "gm", 0, 14, tuple(range(55, 85, 8))),
    Notes("bell", "gm", 0, 112, (55, 67)),
    Notes("bell", "gs", 5, 124, (55, 65)),
    Notes("bell", "gm", 128, 0, (83, 84, 80)),
    Notes("bell", "gm", 0, 10, (60, 68, 76, 84)),
    *(Notes("drum_hit", "gm", 128, kit, (36, 38, 41, 45, 48, 50), velocities=(120, 90, 110)) for kit in KITS),
    Notes("drum_hit", "gm", 128, 0, (61, 63, 64, 65, 66, 86)),
    Notes("drum_hit", "gm", 0, 116, (48, 60)),
    Notes("cymbal", "gm", 128, 0, (42, 46, 49, 51, 52, 55, 57, 59)),
    Notes("cymbal", "gm", 128, 24, (42, 46, 49, 51, 52, 55)),
    Notes("cymbal", "gm", 128, 48, (42, 46, 49, 57, 59)),
    Notes("cymbal", "gm", 128, 40, (42, 46, 49, 51, 59)),
    Notes("wood_knock", "gm", 128, 0, (31, 37, 75, 76, 77, 85)),
    Notes("metal_clang", "gm", 128, 0, (56, 67, 68)),
    Notes("clock_tick", "gm", 128, 0, (33, 32)),
    Notes("hand_clap", "gm", 128, 0, (39,)),
    Notes("hand_clap", "gm", 128, 25, (39,)),
    Notes("whistle", "gm", 128, 0, (71, 72)),
    Notes("whistle", "gm", 0, 78, (72, 79, 84, 91), held_seconds=0.8),
    Notes("telephone", "gm", 0, 124, (54, 60, 66), "hits"),
    Notes("telephone", "gs", 1, 124, (54, 60, 66), "hits"),
    Notes("gunshot", "gm", 0, 127, (52, 56, 60, 64)),
    Notes("punch", "gs", 3, 126, (52, 56, 60, 64)),
    Notes("footstep", "gs", 5, 126, (55, 60, 65), "hits"),
    Notes("door_slam", "gs", 3, 124, (52, 56, 60, 64)),
    Notes("dog_bark", "gs", 1, 123, (52, 55, 58, 60, 62, 65), "hits"),
    Notes("horse_hooves", "gs", 2, 123, (55, 60, 65), "hits"),
    Notes("thunder", "gs", 2, 122, (55, 60, 65)),
    Notes("bird_song", "gm", 0, 123, (55, 60, 65)),
    _lasting("thunder", "gs", 2, 122),
    _lasting("bird_song", "gm", 0, 123),
    _lasting("bird_song", "gs", 3, 123),
    _lasting("rain", "gs", 1, 122),
    _lasting("wind", "gs", 3, 122),
    _lasting("bubbles", "gs", 5, 122),
    _lasting("sea_waves", "gm", 0, 122),
    _lasting("applause", "gm", 0, 126),
    _lasting("helicopter", "gm", 0, 125),
    _lasting("car_engine", "gs", 1, 125),
    _lasting("car_engine", "gs", 3, 125),
    _lasting("siren", "gs", 5, 125),
    _lasting("train", "gs", 6, 125),
)
