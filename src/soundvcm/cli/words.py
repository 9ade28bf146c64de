"""What was typed, before it is parsed: defaults of the user's own, MMAudio's flags, globs and addresses.

    defaults (file, then environment) + typed words => words for the parser

A default is put before what was typed, so that what was typed last wins. Knows names of options, no work.
"""

from __future__ import annotations

import glob
import inspect
import os
import re
import sys
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from soundvcm.cli.commands import COMMANDS
from soundvcm.cli.terminal import note
from soundvcm.errors import OptionError, nearest

#: flags of MMAudio's own command line => ours; a value follows where ours needs one
FROM_MMAUDIO = {
    "mask_away_clip": ("--ignore_pictures",),
    "skip_video_composite": ("--audio_only",),
    "full_precision": ("--dtype", "float32"),
}
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+:/{1,2}\S", re.IGNORECASE)
#: read by `serve` itself, which keeps it out of its options
_NOT_DEFAULTS = ("SOUNDVCM_TOKEN",)


def config_file() -> Path:
    """The file of defaults: $SOUNDVCM_CONFIG, else soundvcm/config.toml in the user's folder for them."""
    if chosen := os.environ.get("SOUNDVCM_CONFIG"):
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        base = Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming")
    else:
        base = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return base / "soundvcm" / "config.toml"


def defaults(name: str, command: Callable[..., Any]) -> list[str]:
    """Words for the user's own defaults of a command, from the file and the environment.

    The file has a table for each command, and [default] for all commands that have the option:

        [default]
        device = "cpu"
        [generate]
        loudness = -23

    SOUNDVCM_DEVICE and SOUNDVCM_GENERATE_LOUDNESS say the same for one shell; the environment goes before the
    file, what is for one command before what is for all.

    Raises:
        OptionError: if the file cannot be read, or names a command or an option that is not there.
    """
    known = {
        key: parameter.default
        for key, parameter in inspect.signature(command).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }
    values: dict[str, Any] = {}
    path = config_file()
    for table, options in _tables(path).items():
        if table not in ("default", name):
            continue
        for option, value in options.items():
            key = option.replace("-", "_")
            if key in known:
                values[key] = value
            elif table == name:
                raise OptionError(f"{path}: soundvcm {name} has no option {option!r}{nearest(key, known)}")
    for prefix in ("SOUNDVCM", f"SOUNDVCM_{name.upper()}"):
        for key in known:
            variable = f"{prefix}_{key.upper()}"
            if variable in os.environ and variable not in _NOT_DEFAULTS:
                values[key] = os.environ[variable]
    return [word for key, value in values.items() for word in _as_words(key, value, known[key])]


def _tables(path: Path) -> dict[str, dict[str, Any]]:
    if not path.is_file():
        if "SOUNDVCM_CONFIG" in os.environ:
            raise OptionError(f"{path} is not here: SOUNDVCM_CONFIG names the file of defaults")
        return {}
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OptionError(f"{path}: cannot be read ({error})") from None
    for table, options in tables.items():
        if table != "default" and table not in COMMANDS or not isinstance(options, dict):
            hint = nearest(table, ["default", *COMMANDS])
            raise OptionError(f"{path}: [{table}] is neither a command nor [default]{hint}")
    # What is for all comes first, so that what is for one command replaces it.
    return dict(sorted(tables.items(), key=lambda entry: entry[0] != "default"))


def _as_words(key: str, value: Any, default: Any) -> list[str]:
    if isinstance(default, bool):
        yes = value if isinstance(value, bool) else str(value).lower() in ("1", "true", "yes", "on")
        if yes == default:
            return []
        return [f"--{key}" if yes else f"--no_{key}"]
    if isinstance(value, list | dict):
        raise OptionError(
            f"the default of {key} is one value, not {value!r}: lists are given with the command"
        )
    return [f"--{key}", str(value)]


def translated(words: Sequence[str]) -> list[str]:
    """MMAudio's flags as ours, each with a note; everything else as it is."""
    found: list[str] = []
    told = iter(words)
    for word in told:
        flag, _, value = word.partition("=")
        name = flag.removeprefix("--").replace("-", "_") if flag.startswith("--") else ""
        if name == "variant":
            size = value or next(told, "")
            found += ["--model", size if size.startswith("mmaudio_") else f"mmaudio_{size}"]
        elif name in FROM_MMAUDIO:
            found += FROM_MMAUDIO[name]
        else:
            found.append(word)
            continue
        note(f"{flag} of MMAudio is {' '.join(found[-2:]) if name == 'variant' else found[-1]} here")
    return found


def inputs(given: Sequence[Path]) -> tuple[Path, ...]:
    """Files and folders for what was named: patterns in quotes are expanded.

    Raises:
        OptionError: for an address, and for a pattern that nothing matches.
    """
    found: list[Path] = []
    for path in given:
        text = str(path)
        if _ADDRESS.match(text):
            whole = text.replace(":/", "://", 1) if "://" not in text else text
            raise OptionError(f"{whole}: addresses are not fetched: download the file first, then name it")
        if path.exists() or not glob.has_magic(text):
            found.append(path)
            continue
        matches = sorted(glob.glob(str(path.expanduser()), recursive=True))
        if not matches:
            raise OptionError(f"{text}: no file matches")
        found += map(Path, matches)
    return tuple(found)
