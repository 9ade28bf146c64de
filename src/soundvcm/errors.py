"""The exceptions of soundvcm, one tree; each message is one line that says what is wrong and what to do next.

    SoundVCMError                 exit code 1: something of ours went wrong
    |-- InputError                exit code 2: what was given cannot be used (also a ValueError)
    |   |-- MediaError            a picture, video or sound file that cannot be read or written
    |   |-- OptionError           an option that has nothing to act on, or a value out of range
    |   |-- ConfigError           a configuration with an unknown name or a wrong type
    |   `-- ShapeError            a tensor whose shape does not fit
    |-- WeightsError              exit code 2: a weights file is missing, damaged or of another network
    |-- DeviceError               exit code 2: the wanted device or number format is not here
    |-- MissingExtraError         exit code 2: an optional dependency is not installed
    |-- StoreError                exit code 2: a feature store or catalog that cannot be used
    |-- ClusterError              exit code 2: a cluster that does not answer or cannot begin
    |-- NonFiniteError            exit code 3: the model produced NaN or infinity
    `-- TrainingError             exit code 3: training stopped (too many bad steps, a lost process)

Knows nothing of the rest of the package.
"""

from __future__ import annotations

from collections.abc import Iterable


class SoundVCMError(Exception):
    """Base of all errors raised on purpose; `exit_code` is what the command line returns."""

    exit_code = 1


class InputError(SoundVCMError, ValueError):
    """What was given cannot be used."""

    exit_code = 2


class MediaError(InputError):
    """A picture, video or sound file cannot be read or written."""


class OptionError(InputError):
    """An option has nothing to act on, or its value is out of range."""


class ConfigError(InputError):
    """A configuration holds an unknown name or a value of the wrong type."""


class ShapeError(InputError):
    """A tensor has a shape that does not fit."""


class WeightsError(SoundVCMError):
    """A weights file is missing, damaged or belongs to another network."""

    exit_code = 2


class DeviceError(SoundVCMError):
    """The wanted device or number format is not available on this machine."""

    exit_code = 2


class MissingExtraError(SoundVCMError, ImportError):
    """An optional dependency is not installed."""

    exit_code = 2

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f'{package} is not installed; run: pip install "soundvcm[{extra}]"')


class StoreError(SoundVCMError):
    """A feature store or a catalog cannot be used as it is."""

    exit_code = 2


class ClusterError(SoundVCMError):
    """A cluster does not answer, has no room, or its processes cannot begin."""

    exit_code = 2


class NonFiniteError(SoundVCMError):
    """The model produced NaN or infinity; nothing was written."""

    exit_code = 3


class TrainingError(SoundVCMError):
    """Training stopped and left its last good state behind."""

    exit_code = 3


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint such as " (did you mean 'steps'?)", or the list of known names if nothing is near."""
    from difflib import get_close_matches  # only here, where something is wrong already

    names = sorted(known)
    close = get_close_matches(name, names, n=1, cutoff=0.55)
    return f" (did you mean {close[0]!r}?)" if close else f" (known: {', '.join(names)})"
