"""The clips the studio holds: under names of its own, looked at once, features kept for more takes.

Knows media and what a pipeline saw; nothing of jobs or HTTP.
"""

from __future__ import annotations

import secrets
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO

from soundvcm.generate.clip_encoder import ClipFeatures
from soundvcm.web.clip import StoredClip, safe_stem
from soundvcm.web.inspecting import Inspector, Look
from soundvcm.web.limits import DISK_FULL, Limits, RefusedError
from soundvcm.web.record import private
from soundvcm.web.store import JobStore

Range = tuple[str, str | None]


class Clips:
    """All clips; safe to use from several threads.

    Args:
        store: where uploads and their records lie; those of an earlier studio are held again.
        limits: of the studio.
        inspector: looks at files.
    """

    def __init__(self, store: JobStore, limits: Limits, inspector: Inspector) -> None:
        self.store, self.folder, self.limits, self.inspector = store, store.clips, limits, inspector
        self._clips: dict[str, StoredClip] = {clip.id: clip for clip in store.read_clips()}
        self._features: OrderedDict[tuple[str, Range], ClipFeatures] = OrderedDict()
        self._lock = threading.Lock()

    def all(self) -> dict[str, StoredClip]:
        """Every clip by its id."""
        with self._lock:
            return dict(self._clips)

    def new_path(self) -> tuple[str, Path]:
        """An id that cannot be guessed and the path for its content."""
        name = secrets.token_hex(12)
        return name, self.folder / name

    def keep_upload(self, content: BinaryIO) -> tuple[str, Path]:
        """Store an upload under a new id; nothing is left of one that cannot be stored whole.

        Raises:
            RefusedError: 507 if the disk is full.
        """
        name, target = self.new_path()
        try:
            self.store.make_folders()
            with target.open("wb") as file:
                private(target)
                shutil.copyfileobj(content, file, 1 << 20)
        except OSError:
            target.unlink(missing_ok=True)
            raise RefusedError(507, DISK_FULL, "video") from None
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        return name, target

    def add(
        self,
        name: str,
        path: Path,
        stem: str,
        owned: bool = True,
        look: Look | None = None,
        sound: bool = False,
    ) -> StoredClip:
        """Look at a stored file (a clip, or a sound to go by) and hold it; refused ones of ours are removed.

        Raises:
            RefusedError: if it is no clip, too long or too much to look at; 507 if the disk is full.
        """
        try:
            preview = self.inspector.inspect(path, self.limits, look, sound)
            clip = StoredClip(name, path, safe_stem(stem), preview, owned)
            if owned:
                self.store.put_clip(clip)
        except BaseException as error:
            if owned:
                path.unlink(missing_ok=True)
                path.with_suffix(".json").unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise RefusedError(507, DISK_FULL, "video") from None
            raise
        with self._lock:
            self._clips[name] = clip
        return clip

    def get(self, name: str) -> StoredClip:
        """The clip of an id; counts as a use.

        Raises:
            RefusedError: 404.
        """
        with self._lock:
            clip = self._clips.get(name)
            if clip is None:
                raise RefusedError(404, "this clip is not here (any more): choose it again", "video")
            clip.used = time.monotonic()
            return clip

    def get_clip(self, name: str) -> StoredClip:
        """The clip of an id, which must have pictures.

        Raises:
            RefusedError: 404.
        """
        clip = self.get(name)
        if clip.is_sound:
            raise RefusedError(404, "this is a sound to go by, not a clip", "video")
        return clip

    def get_sound(self, name: str) -> StoredClip:
        """The sound of an id: one to go by, or a clip that has sound.

        Raises:
            RefusedError: 404; 422 for a silent clip.
        """
        try:
            found = self.get(name)
        except RefusedError:
            raise RefusedError(404, "this sound is not here (any more): choose it again", "like") from None
        if not found.preview.facts["has_sound"]:
            raise RefusedError(422, "this clip has no sound to go by", "like")
        return found

    def hold(self, clip: StoredClip, by: int) -> None:
        """Count a job that needs the clip (by = 1) or is done with it (by = -1)."""
        with self._lock:
            clip.busy += by
            clip.used = time.monotonic()

    def features(self, clip: StoredClip, span: Range) -> ClipFeatures | None:
        """What was seen of a range of the clip earlier, None if it is not kept."""
        with self._lock:
            found = self._features.get((clip.id, span))
            if found is not None:
                self._features.move_to_end((clip.id, span))
            return found

    def keep(self, clip: StoredClip, span: Range, features: ClipFeatures) -> None:
        """Keep what was seen; the one unused for longest makes room."""
        with self._lock:
            if clip.id in self._clips:
                self._features[(clip.id, span)] = features
            while len(self._features) > self.limits.kept_features:
                self._features.popitem(last=False)

    def remove(self, name: str) -> None:
        """Forget a clip and remove its file if it was uploaded.

        Raises:
            RefusedError: 404, or 409 while jobs need it.
        """
        clip = self.get(name)
        with self._lock:
            if clip.busy:
                raise RefusedError(409, "a job still needs this clip: cancel it first", "video")
            self._forget(clip)

    def sweep(self, now: float, needed: Collection[str] = ()) -> None:
        """Remove what nobody used for too long, except the clips of kept takes, which are `needed`."""
        with self._lock:
            for clip in list(self._clips.values()):
                old = now - clip.used > self.limits.keep_seconds
                if old and not clip.busy and clip.id not in needed:
                    self._forget(clip)
                elif clip.owned:
                    self.store.touch(clip)

    def _forget(self, clip: StoredClip) -> None:
        self._clips.pop(clip.id, None)
        for key in [key for key in self._features if key[0] == clip.id]:
            del self._features[key]
        if clip.owned:
            clip.path.unlink(missing_ok=True)
            clip.path.with_suffix(".json").unlink(missing_ok=True)

    def __len__(self) -> int:
        return len(self._clips)
