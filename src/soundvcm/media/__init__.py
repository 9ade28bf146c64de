"""Media in and out: pictures sampled by exact time, sound saved and muxed without touching the pictures.

The front door. Names that need neither PyAV nor torch are here at once; the rest (`exports`) are loaded when
one of them is first used. Knows files and samples, never models.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from soundvcm.media.read.pipes import as_file as as_file
from soundvcm.media.read.pipes import is_pipe as is_pipe
from soundvcm.media.read.pipes import pipe_name as pipe_name
from soundvcm.media.suffixes import IMAGE_SUFFIXES as IMAGE_SUFFIXES
from soundvcm.media.suffixes import SOUND_OUTPUTS as SOUND_OUTPUTS
from soundvcm.media.suffixes import SOUND_SUFFIXES as SOUND_SUFFIXES
from soundvcm.media.suffixes import VIDEO_OUTPUTS as VIDEO_OUTPUTS
from soundvcm.media.suffixes import VIDEO_SUFFIXES as VIDEO_SUFFIXES
from soundvcm.media.suffixes import is_hidden as is_hidden
from soundvcm.media.write.output_names import folder_outputs as folder_outputs
from soundvcm.media.write.output_names import output_paths as output_paths
from soundvcm.media.write.output_names import prompt_stem as prompt_stem
from soundvcm.media.write.target import check_sound_target as check_sound_target
from soundvcm.media.write.target import check_video_target as check_video_target
from soundvcm.media.write.target import made_here as made_here
from soundvcm.media.write.whole_file import is_leftover as is_leftover
from soundvcm.media.write.whole_file import same_file as same_file
from soundvcm.media.write.whole_file import whole_file as whole_file

if TYPE_CHECKING:
    from soundvcm.media.exports import *  # noqa: F403


def __getattr__(name: str) -> Any:
    if not name.startswith("_"):
        found = getattr(import_module("soundvcm.media.exports"), name, None)
        if found is not None:
            return found
    raise AttributeError(f"module 'soundvcm.media' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *vars(import_module("soundvcm.media.exports"))})
