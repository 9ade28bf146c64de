"""Media in and out: pictures sampled by exact time, sound saved and muxed without touching the pictures.

The front door; PyAV and torch load with the first name used. Knows files and samples, never models.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from soundvcm.media.broadcast import Timecode, clip_timecode, picture_rate, read_reference, stamp
    from soundvcm.media.containers import SOUND_SUFFIXES, VIDEO_SUFFIXES, choose_container, fitting_output
    from soundvcm.media.facts import VideoFacts
    from soundvcm.media.files import is_leftover, same_file, whole_file
    from soundvcm.media.footage import Footage, read_frames
    from soundvcm.media.levels import LevelReport, Levels, apply_levels, decibels, quiet_message
    from soundvcm.media.loudness import integrated_loudness, true_peak
    from soundvcm.media.mux_plan import MuxSettings
    from soundvcm.media.muxing import MuxReport, MuxWriter, mux
    from soundvcm.media.names import folder_outputs, output_paths, prompt_stem
    from soundvcm.media.pipes import as_file, is_pipe, pipe_name
    from soundvcm.media.probing import probe
    from soundvcm.media.shots import shot_cuts
    from soundvcm.media.sound import SoundReport, read_sound, read_tags, resample, save_sound, sound_blocks
    from soundvcm.media.sound_writer import SoundWriter
    from soundvcm.media.window import window_plan, windows

__all__ = [
    "SOUND_SUFFIXES",
    "VIDEO_SUFFIXES",
    "Footage",
    "LevelReport",
    "Levels",
    "MuxReport",
    "MuxSettings",
    "MuxWriter",
    "SoundReport",
    "SoundWriter",
    "Timecode",
    "VideoFacts",
    "apply_levels",
    "as_file",
    "choose_container",
    "clip_timecode",
    "decibels",
    "fitting_output",
    "folder_outputs",
    "integrated_loudness",
    "is_leftover",
    "is_pipe",
    "mux",
    "output_paths",
    "picture_rate",
    "pipe_name",
    "probe",
    "prompt_stem",
    "quiet_message",
    "read_frames",
    "read_reference",
    "read_sound",
    "read_tags",
    "resample",
    "same_file",
    "save_sound",
    "shot_cuts",
    "sound_blocks",
    "stamp",
    "true_peak",
    "whole_file",
    "window_plan",
    "windows",
]

_HOMES = {
    "broadcast": ("Timecode", "clip_timecode", "picture_rate", "read_reference", "stamp"),
    "containers": ("SOUND_SUFFIXES", "VIDEO_SUFFIXES", "choose_container", "fitting_output"),
    "files": ("is_leftover", "same_file", "whole_file"),
    "footage": ("Footage", "read_frames"),
    "levels": ("LevelReport", "Levels", "apply_levels", "decibels", "quiet_message"),
    "loudness": ("integrated_loudness", "true_peak"),
    "mux_plan": ("MuxSettings",),
    "muxing": ("MuxReport", "MuxWriter", "mux"),
    "names": ("folder_outputs", "output_paths", "prompt_stem"),
    "pipes": ("as_file", "is_pipe", "pipe_name"),
    "probing": ("probe",),
    "facts": ("VideoFacts",),
    "shots": ("shot_cuts",),
    "sound": ("SoundReport", "read_sound", "read_tags", "resample", "save_sound", "sound_blocks"),
    "sound_writer": ("SoundWriter",),
    "window": ("window_plan", "windows"),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"soundvcm.media.{home}"), name)
    raise AttributeError(f"module 'soundvcm.media' has no attribute {name!r}")
