"""Which files a request will be written to: named and checked before any work, and before torch is loaded.

Knows options and paths; `settled` also asks the clip which kind of file can hold its pictures.
"""

from __future__ import annotations

from pathlib import Path

from soundvcm import media
from soundvcm.errors import OptionError
from soundvcm.generate.options import GenerateOptions


def plan_outputs(options: GenerateOptions, *, overwrite: bool = True) -> list[Path]:
    """The files the takes are asked to be written to.

    Args:
        options: what is asked for.
        overwrite: False refuses a file that is there and that soundvcm did not make.

    Raises:
        MediaError: if one cannot or must not be written (case 17).
        OptionError: if it is no kind of file that is written.
    """
    video = options.video
    if video is not None and media.is_pipe(video):
        video = media.pipe_name(video)
        if options.output is None:
            raise OptionError(f"{video}: say where to write: add --output FILE")
    sound = options.sound_only
    found = media.output_paths(
        video,
        options.output,
        prompt=options.prompt,
        seed=options.seed,
        suffix=".wav" if sound else None,
        takes=options.takes,
    )
    for path in found:
        check = media.check_sound_target if sound else media.check_video_target
        check(path, never=video, overwrite=overwrite)
    return found


def settled(options: GenerateOptions, outputs: list[Path], *, overwrite: bool = True) -> list[Path]:
    """The files that will really be written: where the asked kind cannot hold the pictures, another is.

    Args:
        options: with the clip as a file that can be read more than once.
        outputs: from `plan_outputs`.
        overwrite: as for `plan_outputs`.

    Raises:
        MediaError: if the clip cannot be read, or a file cannot or must not be written.
        OptionError: if a kind of file cannot hold what is asked for.
    """
    if options.sound_only or options.video is None:
        return outputs
    never, muxing = options.video, options.muxing
    return [
        media.settle_output(options.video, path, overwrite=overwrite, never=never, **muxing)
        for path in outputs
    ]
