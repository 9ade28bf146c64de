"""One clip of a batch, the same on this machine and in the processes of a cluster.

    item => is it done already? => look at the clip => make and write its sound => line of the report

Knows the shared `job` and what the report says of a clip; who calls it and when is not its affair.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soundvcm import media
from soundvcm.cli.batch.items import Item
from soundvcm.cli.batch.report import Record, fingerprint, name_in, refuse_strangers, still_whole
from soundvcm.cli.options import load_pipeline
from soundvcm.errors import MediaError, SoundVCMError
from soundvcm.generate import render
from soundvcm.generate.clip_encoder import ClipFeatures
from soundvcm.generate.options import GenerateOptions
from soundvcm.generate.progress import Progress

if TYPE_CHECKING:
    from soundvcm.generate.pipeline import Pipeline


@dataclass
class LoadedItem:
    """A clip on its way.

    Attributes:
        item: what it is.
        request: what is asked of it.
        mark: fingerprint of content and settings; "" if the clip could not be read.
        done: line of the report that says it is done.
        ahead: the clip as it is being read; None if it is not.
        features: its features; None if it is done or cannot be done.
        reason: why it cannot be done.
    """

    item: Item
    request: GenerateOptions
    mark: str = ""
    done: Record | None = None
    ahead: media.ReadAhead | None = None
    features: ClipFeatures | None = None
    reason: str = ""

    @property
    def open(self) -> bool:
        """There is work to do."""
        return self.done is None and not self.reason

    def read(self, pipeline: Pipeline) -> None:
        """Have a thread begin to read the clip, if there is work to do."""
        if self.open:
            request = self.request
            self.ahead = pipeline.clip_encoder.read_ahead(self.item.source, request.start, request.duration)

    def look(self, pipeline: Pipeline, progress: Progress) -> None:
        """Read and encode the clip; what goes wrong is its reason."""
        request = self.request
        try:
            self.features = pipeline.encode_clip(
                self.ahead or request.video, start=request.start, duration=request.duration, progress=progress
            )
        except Exception as error:  # a clip that breaks us must not take the others with it
            self.reason = reason(error)


@dataclass(frozen=True)
class BatchSettings:
    """What holds for every clip of a batch; travels to other machines.

    Attributes:
        request: what is asked of every clip.
        options: name, device and dtype of the model.
        folder: of the report.
        overwrite: do again what is done, in place of whatever lies there.
        skip_existing: leave out what is done.
    """

    request: GenerateOptions
    options: dict[str, str]
    folder: Path
    overwrite: bool = False
    skip_existing: bool = True

    def target(self, output: Path) -> str:
        """Name of a result in the report."""
        return name_in(self.folder, output)

    def load(self, request: GenerateOptions) -> Pipeline:
        """The model, and whether it can do what is asked of the first clip.

        Raises:
            OptionError: if it cannot.
            WeightsError, DeviceError: if it cannot be loaded.
        """
        pipeline = load_pipeline(self.options)
        render.check_options(pipeline, replace(request, seed=self.request.seed))
        return pipeline

    def begin(self, item: Item, earlier: Record | None) -> LoadedItem:
        """What is to be done, without the model; `earlier` is the report's last line about this result."""
        prompt = self.request.prompt if item.prompt is None else item.prompt
        seed = self.request.seed if item.seed is None else item.seed
        request = replace(self.request, video=item.source, output=item.output, prompt=prompt, seed=seed)
        ready = LoadedItem(item, request, reason=item.fault)
        if item.fault:
            return ready
        try:
            if not item.source.exists():
                raise MediaError(f"{item.source}: no such file")
            ready.mark = fingerprint(item.source, request, self.options)
            if self.overwrite:
                pass
            elif self.skip_existing and still_whole(earlier, ready.mark, self.folder):
                ready.done = earlier
            else:
                refuse_strangers(request)
        except (SoundVCMError, OSError) as error:
            ready.reason = reason(error)
        return ready

    def make(self, pipeline: Pipeline | None, ready: LoadedItem, progress: Progress) -> Record:
        """The line of the report about a clip, after its work."""
        record = self.named(ready.item)
        if ready.done is not None:
            return {**ready.done, **record, "status": "skipped", "took": 0.0}
        began = time.perf_counter()
        outcome, why = None, ready.reason
        if ready.features is not None and pipeline is not None:
            try:
                outcome = render.render(pipeline, ready.request, progress, ready.features, overwrite=True)
            except Exception as error:
                why = reason(error)
        result: dict[str, Any] = {"status": "failed", "seconds": None, "seed": None, "output": None}
        if outcome is not None:
            names = [self.target(path) for path in outcome.outputs]
            result = {
                "status": "done",
                "seconds": outcome.seconds,
                "seed": outcome.seeds[0],
                "output": names[0],
                "outputs": names,
                "bytes": [path.stat().st_size for path in outcome.outputs],
                "warnings": outcome.warnings,
            }
        facts = {"reason": why, "prompt": ready.request.prompt, "fingerprint": ready.mark}
        return {**record, **result, **facts, "took": round(time.perf_counter() - began, 3)}

    def named(self, item: Item) -> Record:
        """How the report names a clip and its result."""
        return {"file": str(item.source), "target": None if item.fault else self.target(item.output)}

    def lost(self, item: Item, why: str) -> Record:
        """The line about a clip whose work never came back."""
        prompt = self.request.prompt if item.prompt is None else item.prompt
        nothing = {"status": "failed", "seconds": None, "seed": None, "output": None}
        return {
            **self.named(item), **nothing, "reason": why, "prompt": prompt, "fingerprint": "", "took": 0.0,
        }  # fmt: skip


def reason(error: BaseException) -> str:
    """Why a clip failed, in one line; faults of ours carry the name of the exception."""
    if isinstance(error, OSError) and not isinstance(error, SoundVCMError):
        name = f"{os.fsdecode(error.filename)}: " if error.filename else ""
        text = f"{name}{error.strerror or error}"
    else:
        text = str(error) if isinstance(error, SoundVCMError) else f"{type(error).__name__}: {error}"
    return " ".join(text.split())
