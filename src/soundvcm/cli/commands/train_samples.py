"""Joins a run with the codec that made its stores and with drawing, for `loop.samples`.

Training knows neither; this file knows both. Prints nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from soundvcm.errors import OptionError

if TYPE_CHECKING:
    from soundvcm.data.store import FeatureStore
    from soundvcm.training import TrainingConfig
    from soundvcm.training.samples import Samples


def sample_hook(
    config: TrainingConfig, stores: Sequence[FeatureStore], codecs: Sequence[Path], device: str
) -> Samples:
    """The hook that writes samples of a run.

    Args:
        config: of the run.
        stores: of the run.
        codecs: files of embedded codecs that may have made the stores; the shipped one is tried last.
        device: where to decode.

    Raises:
        OptionError: if no codec here made the stores, or they hold no validation clip.
        WeightsError: if a file of the paper's codec is missing.
    """
    from soundvcm import runtime
    from soundvcm.cli.commands.extract import codec_name
    from soundvcm.codec import paper_codec
    from soundvcm.evaluation.drawing import spectrograms
    from soundvcm.systems import loading
    from soundvcm.training.samples import Samples

    where, made_by = runtime.resolve_device(device), stores[0].fingerprint["codec"]
    if made_by.startswith("vae-"):
        codec = paper_codec(made_by.split("-")[1], where)
        return Samples(config, stores, codec.decode, codec.sample_rate, spectrograms)
    found = [
        path for path in (*codecs, None) if (path is None or path.exists()) and codec_name(path) == made_by
    ]
    if not found:
        raise OptionError(
            f"loop.samples needs the codec that made the store ({made_by}): give it with --codec FILE, or set"
            " loop.samples=0"
        )
    embedded = loading.saved_codec(found[0] or "tiny_codec").to(where)
    return Samples(config, stores, embedded.decode, embedded.sample_rate, spectrograms)
