"""Videos drawn by us with exact ground truth, for training and judging the embedded model. The front door.

make_scene(seed, bank, split) => Scene: events, captions, labels, frames(), sampled(), pictures(), sound()
"""

from tiny.scenes.scene import RATES, STYLES, Event, Scene, make_scene

__all__ = ["RATES", "STYLES", "Event", "Scene", "make_scene"]
