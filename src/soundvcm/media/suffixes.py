"""The endings of media files: which files of a folder are clips, and which kinds of file are written.

The one list of the package. A file that is named is opened whatever its ending: its content tells what it is.
"""

from __future__ import annotations

from pathlib import Path

VIDEO_SUFFIXES = frozenset(
    ".mp4 .m4v .mov .qt .mkv .webm .avi .divx .mpg .mpeg .mpe .m2v .vob .mod .ts .mts .m2ts .mxf .wmv .asf "
    ".flv .f4v .ogv .ogm .3gp .3g2 .dv .y4m .nut".split()
)
IMAGE_SUFFIXES = frozenset(".png .apng .jpg .jpeg .webp .gif .bmp .tif .tiff .avif .heic .heif .jxl".split())
SOUND_SUFFIXES = frozenset(
    ".wav .bwf .w64 .flac .ogg .oga .opus .mp3 .m4a .aac .aif .aiff .aifc .caf .wma .ac3 .mka .wv".split()
)
VIDEO_OUTPUTS = (".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi")
SOUND_OUTPUTS = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".m4a")


def is_hidden(path: Path, root: Path | None = None) -> bool:
    """Files that no walk over a folder takes: hidden ones, and what macOS keeps beside files ("._clip.mp4").

    Args:
        path: a file.
        root: the folder that is walked; hidden folders below it count too.
    """
    parts = (path.name,) if root is None else path.relative_to(root).parts
    return any(part.startswith(".") for part in parts)
