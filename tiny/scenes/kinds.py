"""Which drawn actors can make which kind of sound: one table, by the names of the bank's kinds.

A kind the table does not name is matched by the words in its name, and otherwise struck (events) or run by a
machine (lasting sounds), so that every kind of any bank can be seen. Knows actors, no sounds.
"""

from __future__ import annotations

from tiny.scenes import (
    blasts,
    bodies,
    clocks,
    impacts,
    machines,
    people,
    strokes,
    things,
    vehicles,
    water,
    weather,
)
from tiny.scenes.stage import Actor

Actors = tuple[type[Actor], ...]

EVENTS: dict[str, Actors] = {
    "wood_knock": (impacts.Striker, impacts.Roller, strokes.Faller),
    "metal_clang": (impacts.Striker, impacts.Roller, strokes.Faller, strokes.Clapper),
    "hammer": (impacts.Striker,),
    "glass_clink": (strokes.Clapper, impacts.Striker, impacts.Roller),
    "glass_break": (strokes.Faller,),
    "stone_hit": (strokes.Faller, impacts.Striker, impacts.Roller, impacts.Ball),
    "ball_bounce": (impacts.Ball, impacts.Ball, impacts.Roller),
    "drum_hit": (impacts.Striker,),
    "cymbal": (impacts.Striker, strokes.Clapper),
    "door_slam": (things.Door,),
    "door_creak": (things.Door,),
    "footstep": (bodies.Walker, bodies.Feet),
    "hand_clap": (strokes.Clapper,),
    "typing": (things.Typing,),
    "clock_tick": (clocks.Clock,),
    "gunshot": (blasts.Gun,),
    "explosion": (blasts.Explosion,),
    "punch": (strokes.Puncher, strokes.Faller),
    "splash": (water.Splash,),
    "water_drop": (water.Splash,),
    "bell": (blasts.Belfry, impacts.Striker),
    "coin": (impacts.Ball, strokes.Faller),
    "whoosh": (strokes.Swinger,),
    "thunder": (blasts.Lightning,),
    "dog_bark": (bodies.Animal,),
    "cat_meow": (bodies.Animal,),
    "bird_song": (bodies.Animal,),
    "horse_hooves": (bodies.Horse,),
    "piano": (things.Keys,),
    "guitar": (things.Strings,),
    "violin": (people.Player,),
    "trumpet": (people.Player,),
    "whistle": (people.Player,),
    "marimba": (impacts.Striker,),
    "telephone": (clocks.Shaker,),
    "car_horn": (clocks.Shaker,),
}
LASTING: dict[str, Actors] = {
    "applause": (people.Crowd,),
    "rain": (weather.Rain,),
    "thunder": (weather.Storm,),
    "wind": (weather.Grass,),
    "stream": (water.Stream,),
    "sea_waves": (water.Waves,),
    "fire_crackle": (weather.Fire,),
    "bubbles": (water.Bubbles, water.Steam),
    "car_engine": (vehicles.Car,),
    "train": (vehicles.Train,),
    "airplane": (vehicles.Plane,),
    "helicopter": (vehicles.Helicopter,),
    "siren": (vehicles.Car,),
    "motor": (machines.Machine,),
    "rolling": (machines.Rolling,),
    "bird_song": (bodies.Flock,),
}


def actors_for(kind: str, lasting: bool) -> Actors:
    """The actors that can be seen making this kind of sound; never empty."""
    table = LASTING if lasting else EVENTS
    if kind in table:
        return table[kind]
    words = set(kind.split("_"))
    for name, actors in table.items():
        if words & set(name.split("_")):
            return actors
    return (machines.Machine,) if lasting else (impacts.Striker, strokes.Faller)
