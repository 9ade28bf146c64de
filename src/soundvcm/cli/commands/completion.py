"""`soundvcm completion SHELL`: a script that completes commands, options and their values.

The words come from the commands' own signatures, so that no list is kept by hand. Knows no work.
"""

from __future__ import annotations

import inspect
from itertools import starmap
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import tyro

from soundvcm.cli.commands import COMMANDS, command
from soundvcm.cli.terminal import say

Shell = Literal["bash", "zsh", "fish"]
#: options of every command
COMMON = ("help", "quiet", "verbose")


def completion(shell: Annotated[Shell, tyro.conf.Positional], /) -> int:
    """Print a completion script: soundvcm completion bash >> ~/.bashrc

    zsh: write it to a file _soundvcm in a folder of $fpath; fish: to
    ~/.config/fish/completions/soundvcm.fish

    Args:
        shell: bash, zsh or fish.
    """
    say({"bash": _bash, "zsh": _zsh, "fish": _fish}[shell]())
    return 0


def options() -> dict[str, dict[str, tuple[str, ...]]]:
    """Command -> option -> the values it may have ("" stands for files)."""
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for name in COMMANDS:
        function = command(name)
        hints = get_type_hints(function, include_extras=True)
        parameters = inspect.signature(function).parameters
        found[name] = {
            spelling: _values(key, hints.get(key))
            for key, one in parameters.items()
            if one.kind is not inspect.Parameter.POSITIONAL_ONLY
            for spelling in _spellings(key, hints.get(key))
        }
        found[name] |= {key: () for key in COMMON}
    return found


def _spellings(key: str, hint: Any) -> list[str]:
    """What is typed for a parameter: its own name, or the one and the aliases that tyro is told."""
    told = getattr(hint, "__metadata__", ())
    names = [one.name for one in told if getattr(one, "name", None)] or [key]
    more = [alias for one in told for alias in getattr(one, "aliases", None) or ()]
    return [*names, *(alias.removeprefix("--") for alias in more if alias.startswith("--"))]


def _values(key: str, hint: Any) -> tuple[str, ...]:
    from soundvcm.systems.catalog import PRESETS

    while get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    if get_origin(hint) is Literal:
        return tuple(map(str, get_args(hint)))
    if key == "model":
        return tuple(PRESETS)
    return {"device": ("auto", "cpu", "cuda", "mps"), "dtype": ("float32", "bfloat16")}.get(key, ())


def _commands() -> dict[str, str]:
    return COMMANDS | {"help": "explain a command"}


def _bash() -> str:
    known = options()
    flags = "\n".join(
        f"    {name}) words='{' '.join(f'--{key}' for key in keys)}' ;;" for name, keys in known.items()
    )
    values = "\n".join(
        f"    {name}:--{key}) COMPREPLY=($(compgen -W '{' '.join(values)}' -- \"$here\")); return ;;"
        for name, keys in known.items()
        for key, values in keys.items()
        if values
    )
    return f"""_soundvcm() {{
  local here=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} words=''
  if [ "$COMP_CWORD" = 1 ] || [ "$before" = help ]; then
    COMPREPLY=($(compgen -W '{" ".join(_commands())}' -- "$here")); return
  fi
  case ${{COMP_WORDS[1]}}:$before in
{values}
  esac
  case ${{COMP_WORDS[1]}} in
{flags}
  esac
  case $here in
    -*) COMPREPLY=($(compgen -W "$words" -- "$here")) ;;
    *) COMPREPLY=($(compgen -f -- "$here")) ;;
  esac
}}
complete -o filenames -F _soundvcm soundvcm"""


def _zsh() -> str:
    commands = " ".join(f"'{name}:{text}'" for name, text in _commands().items())
    cases = "\n".join(
        f"    {name}) _arguments {' '.join(starmap(_zsh_option, keys.items()))} '*:file:_files' ;;"
        for name, keys in options().items()
    )
    return f"""#compdef soundvcm
_soundvcm() {{
  local -a commands=({commands})
  if (( CURRENT == 2 )); then _describe command commands; return; fi
  local command=$words[2]
  shift words; (( CURRENT-- ))
  case $command in
{cases}
  esac
}}
if [ "$funcstack[1]" = _soundvcm ]; then _soundvcm "$@"; else compdef _soundvcm soundvcm; fi"""


def _zsh_option(key: str, values: tuple[str, ...]) -> str:
    return f"'--{key}:{key}:({' '.join(values)})'" if values else f"'--{key}'"


def _fish() -> str:
    lines = ["complete -c soundvcm -f -n __fish_use_subcommand"]
    lines += [
        f"complete -c soundvcm -n __fish_use_subcommand -a {name} -d '{text}'"
        for name, text in _commands().items()
    ]
    for name, keys in options().items():
        for key, values in keys.items():
            ending = f" -xa '{' '.join(values)}'" if values else ""
            lines.append(f"complete -c soundvcm -n '__fish_seen_subcommand_from {name}' -l {key}{ending}")
    return "\n".join(lines)
