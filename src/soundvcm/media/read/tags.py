"""What soundvcm wrote about a sound into its file: seed, prompt, model. Knows metadata; decodes nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from soundvcm.media.read.source import open_media


def read_tags(path: str | Path) -> dict[str, Any]:
    """The tags that `save_sound` or `mux` stored in a file; {} if there are none.

    Raises:
        MediaError: if the file cannot be read.
    """
    with open_media(path, decodes=False) as container:
        places = [container.metadata, *(stream.metadata for stream in container.streams)]
        return next((tags for metadata in places if (tags := tags_in(metadata))), {})


def tags_in(metadata: Mapping[str, str]) -> dict[str, Any]:
    """Our tags among the metadata of a file or a track; {} if there are none."""
    for name, value in metadata.items():
        if name.lower() in ("comment", "description"):
            try:
                found = json.loads(value)
            except (ValueError, RecursionError):
                continue
            if isinstance(found, dict):
                return found
    return {}
