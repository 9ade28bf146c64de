"""Media in and out: pictures sampled by exact time, sound saved and muxed without touching the pictures.

The front door; PyAV and torch load with the first name used. Knows files and samples, never models.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from soundvcm.media.containers import choose_container, fitting_output
    from soundvcm.media.footage import Footage, read_frames
    from soundvcm.media.levels import LevelReport, Levels
    from soundvcm.media.loudness import integrated_loudness, true_peak
    from soundvcm.media.muxing import MuxReport, MuxWriter, mux
    from soundvcm.media.reader import VideoFacts
    from soundvcm.media.sound import SoundReport, read_sound, read_tags, resample, save_sound, sound_blocks

_HOMES = {
    "Footage": "footage",
    "LevelReport": "levels",
    "Levels": "levels",
    "MuxReport": "muxing",
    "MuxWriter": "muxing",
    "SoundReport": "sound",
    "VideoFacts": "reader",
    "choose_container": "containers",
    "fitting_output": "containers",
    "integrated_loudness": "loudness",
    "mux": "muxing",
    "read_frames": "footage",
    "read_sound": "sound",
    "read_tags": "sound",
    "resample": "sound",
    "save_sound": "sound",
    "sound_blocks": "sound",
    "true_peak": "loudness",
}
__all__ = sorted(_HOMES)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"soundvcm.media.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'soundvcm.media' has no attribute {name!r}")
