"""`soundvcm train pairs`: what a teacher makes of the clips of a store, recorded for reflow and distillation.

    weights of the teacher, store => store whose clips hold noise and sound

Prints progress; knows the door of training only.
"""

from __future__ import annotations

from pathlib import Path

from soundvcm.cli.terminal import say
from soundvcm.config import parse_overrides
from soundvcm.errors import OptionError


def pairs(
    model: Path, stores: tuple[Path, ...], folder: Path, overrides: tuple[str, ...], device: str
) -> int:
    """Record the pairs; the same command again keeps finished shards and goes on.

    Args:
        model: weights of the teacher, a network trained by flow matching.
        stores: the one store whose clips are used.
        folder: of the new store.
        overrides: guidance=, steps=, seed=.
        device: auto, cpu, cuda or mps.

    Raises:
        OptionError: for several stores or a teacher that is told its guidance.
        StoreError: if the folder was begun otherwise.
        WeightsError: if the teacher's file is missing, damaged or of another kind.
    """
    if len(stores) != 1:
        raise OptionError(f"pairs are recorded from one --store at a time, not {len(stores)}")
    from soundvcm import runtime, training
    from soundvcm.data.store import FeatureStore
    from soundvcm.systems import loading

    config = training.PairsConfig().change(parse_overrides(overrides))
    opened = FeatureStore(stores[0])
    teacher = loading.saved_network(model)[0].to(runtime.resolve_device(device))

    def report(done: int, total: int) -> None:
        say(f"{done} of {total} clips")

    found = training.record_pairs(teacher, opened, folder, report=report, **config.model_dump())
    say(f"{folder}: {len(found)} pairs, guidance {config.guidance:g}, {config.steps} steps")
    return 0
