"""The clips that come with the studio, and prompts of kinds the embedded model knows well.

Knows file names, words and pictures of them. In a checkout the clips are those of `examples/clips`.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

from soundvcm import media
from soundvcm.timeline import FrameSpec
from soundvcm.web.clip import png
from soundvcm.web.limits import RefusedError

#: in the wheel, and in a checkout
FOLDERS = (Path(__file__).parent / "static" / "clips", Path(__file__).parents[3] / "examples" / "clips")
#: name => what is to be seen, and a prompt that fits
CLIPS = {
    "bounce": ("A bouncing ball", "a glass marble bounces"),
    "hammer": ("A hammer at work", "a hammer strikes metal"),
    "rain": ("Rain", "rain falls on leaves"),
}
#: pressed into the prompt by one click; benchmarks/example_prompts.py measures that each works
PROMPTS = (
    "rain on a tin roof",
    "waves on a beach",
    "a river stream",
    "thunder",
    "a clock ticks",
    "a train passes",
)


def table() -> list[dict[str, Any]]:
    """What there is of the clips: name, title, prompt, address."""
    return [
        {
            "name": name,
            "title": title,
            "prompt": prompt,
            "video": f"/api/examples/{name}",
            "picture": f"/api/examples/{name}/picture.png",
        }
        for name, (title, prompt) in CLIPS.items()
        if _found(name) is not None
    ]


def path_of(name: str) -> Path:
    """The file of an example.

    Raises:
        RefusedError: 404 if there is none of that name.
    """
    found = _found(name) if name in CLIPS else None
    if found is None:
        raise RefusedError(404, "there is no such example clip", "video")
    return found


@lru_cache(maxsize=len(CLIPS))
def picture_of(name: str) -> bytes:
    """A picture of an example, PNG of 320 x 180.

    Raises:
        RefusedError: 404 if there is none of that name.
    """
    spec = FrameSpec(Fraction(1), 180, 320, "cover")
    decoded = media.read_frames(path_of(name), {"picture": spec}, start=Fraction(1), seconds=Fraction(1))
    return png(decoded.frames["picture"][0])


def _found(name: str) -> Path | None:
    return next((path for folder in FOLDERS if (path := folder / f"{name}.mp4").is_file()), None)
