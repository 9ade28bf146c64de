"""Which drawn actors can make which kind of sound: one table, by the names of the bank's kinds.

A kind the table does not name is matched by the words in its name, and otherwise struck (events) or run by a
machine (lasting sounds), so that every kind of any bank can be seen. Knows actors, no sounds.
"""

from __future__ import annotations

from soundvcm.data.scenes import blasts, bodies, impacts, things, vehicles, weather
from soundvcm.data.scenes.stage import Actor

Actors = tuple[type[Actor], ...]

EVENTS: dict[str, Actors] = {
    "wood_knock": (impacts.Striker, impacts.Roller, impacts.Faller),
    "metal_clang": (impacts.Striker, impacts.Roller, impacts.Faller, impacts.Clapper),
    "hammer": (impacts.Striker,),
    "glass_clink": (impacts.Clapper, impacts.Striker, impacts.Roller),
    "glass_break": (impacts.Faller,),
    "stone_hit": (impacts.Faller, impacts.Striker, impacts.Roller, impacts.Ball),
    "ball_bounce": (impacts.Ball, impacts.Ball, impacts.Roller),
    "drum_hit": (impacts.Striker,),
    "cymbal": (impacts.Striker, impacts.Clapper),
    "door_slam": (things.Door,),
    "door_creak": (things.Door,),
    "footstep": (bodies.Walker, bodies.Feet),
    "hand_clap": (impacts.Clapper,),
    "typing": (things.Typing,),
    "clock_tick": (things.Clock,),
    "gunshot": (blasts.Gun,),
    "explosion": (blasts.Explosion,),
    "punch": (impacts.Puncher, impacts.Faller),
    "splash": (weather.Splash,),
    "water_drop": (weather.Splash,),
    "bell": (blasts.Belfry, impacts.Striker),
    "coin": (impacts.Ball, impacts.Faller),
    "whoosh": (impacts.Swinger,),
    "thunder": (blasts.Lightning,),
    "dog_bark": (bodies.Animal,),
    "cat_meow": (bodies.Animal,),
    "bird_song": (bodies.Animal,),
    "horse_hooves": (bodies.Horse,),
    "piano": (things.Keys,),
    "guitar": (things.Strings,),
    "violin": (bodies.Player,),
    "trumpet": (bodies.Player,),
    "whistle": (bodies.Player,),
    "marimba": (impacts.Striker,),
    "telephone": (things.Shaker,),
    "car_horn": (things.Shaker,),
}
LASTING: dict[str, Actors] = {
    "applause": (bodies.Crowd,),
    "rain": (weather.Rain,),
    "thunder": (weather.Storm,),
    "wind": (weather.Grass,),
    "stream": (weather.Stream,),
    "sea_waves": (weather.Waves,),
    "fire_crackle": (weather.Fire,),
    "bubbles": (weather.Bubbles, weather.Steam),
    "car_engine": (vehicles.Car,),
    "train": (vehicles.Train,),
    "airplane": (vehicles.Plane,),
    "helicopter": (vehicles.Helicopter,),
    "siren": (vehicles.Car,),
    "motor": (vehicles.Machine,),
    "rolling": (vehicles.Rolling,),
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
    return (vehicles.Machine,) if lasting else (impacts.Striker, impacts.Faller)
