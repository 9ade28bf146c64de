"""`soundvcm COMMAND`: finds the command, turns errors into one line and an exit code.

Exit codes: 0 all well, 1 a fault of ours, 2 bad input or something missing, 3 some items failed or the model
produced non-finite numbers, 130 interrupted. Loads neither torch nor av before a command needs them.
"""

from __future__ import annotations

import atexit
import contextlib
import io
import os
import platform
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from soundvcm import __version__
from soundvcm.cli.commands import COMMANDS, command
from soundvcm.cli.terminal import detail, voice
from soundvcm.cli.words import config_file, defaults, translated
from soundvcm.errors import SoundVCMError, nearest


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the `soundvcm` command; leaves through SystemExit."""
    words = spoken(list(sys.argv[1:] if arguments is None else arguments))
    if words[:1] == ["help"] and len(words) > 1:
        words = [words[1], "--help"]
    if not words or words[0] in ("-h", "--help", "help"):
        print(_overview())
        raise SystemExit(0 if words else 2)
    if words[0] in ("-V", "--version"):
        print(f"soundvcm {__version__}")
        raise SystemExit(0)
    name = words[0]
    if name not in COMMANDS:
        fail(f"no command {name!r}{nearest(name, COMMANDS)}; see: soundvcm --help", 2)
    _let_threads_sleep()
    code = run(lambda: command(name), words[1:], f"soundvcm {name}")
    if arguments is None:
        _leave(code)
    raise SystemExit(code)


def _leave(code: int) -> None:
    """End the process: what was promised for its end is done, then nothing is taken apart.

    Taking torch apart lasts 0.2 to 0.5 s; under torchrun, threads of gloo may abort it (-6) after a run that
    is well.
    """
    threading._shutdown()  # type: ignore[attr-defined] # waits for threads and wakes idle workers
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _let_threads_sleep() -> None:
    """Have OpenMP's threads sleep between loops, unless the user has said how they wait; before torch loads.

    They spin by default, and beside other work two of them take ten times the time (benchmarks/waiting.py).
    """
    if not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"} & set(os.environ):
        os.environ["OMP_WAIT_POLICY"] = "passive"


def spoken(words: list[str]) -> list[str]:
    """The words without -q and -v, which every command has; how much is said from now on follows them."""
    voice.quiet = bool({"-q", "--quiet"} & set(words))
    voice.verbose = bool({"-v", "--verbose"} & set(words))
    if voice.quiet and voice.verbose:
        fail("-q and -v contradict each other: give one of them", 2)
    return [word for word in words if word not in ("-q", "--quiet", "-v", "--verbose")]


class _TerminatedError(KeyboardInterrupt):
    """SIGTERM: the run ends as by Ctrl-C, so that nothing half-written stays."""


@contextlib.contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """Have SIGTERM raise in the main thread for as long as a command runs; `serve` sets its own handler."""

    def stop(*_: Any) -> None:
        raise _TerminatedError

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def run(find: Callable[[], Callable[..., Any]], words: list[str], prog: str) -> int:
    """Parse the words for the command and call it; expected errors become one line and an exit code."""
    try:
        command = find()
        if voice.verbose:
            detail(f"soundvcm {__version__}, Python {platform.python_version()}, {platform.platform()}")
        own = defaults(prog.split()[-1], command)
        if own:
            detail(f"your defaults: {' '.join(own)}")
        typed = translated(words) if prog.endswith(" generate") else words
        with _terminated_like_interrupted():
            return int(_parse_and_call(command, [*own, *typed], prog) or 0)
    except SoundVCMError as error:
        if voice.verbose:
            traceback.print_exc()
        report(str(error))
        return error.exit_code
    except _TerminatedError:
        report("terminated")
        return 143
    except KeyboardInterrupt:
        report("interrupted")
        return 130
    except BrokenPipeError:
        # The reader of our output left (| head); Python would complain again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        report(f"{where}{error.strerror or error}")
        return 2


def _parse_and_call(command: Callable[..., Any], words: list[str], prog: str) -> Any:
    """Call the command with its parsed words; wrong words end in one line and exit code 2."""
    import tyro

    caught = io.StringIO()
    try:
        with contextlib.redirect_stderr(caught):
            call = tyro.cli(_later(command), args=words, prog=prog, description=_summary(command))
    except SystemExit as leaving:
        if leaving.code in (0, None):
            return 0
        fail(f"{_first_fault(caught.getvalue())} (see: {prog} --help)", 2)
    return call()


def _later(command: Callable[..., Any]) -> Callable[..., Callable[[], Any]]:
    """The same parameters, but a call returns a closure: parsing must not swallow the command's stderr."""
    from functools import wraps

    @wraps(command)
    def collect(*positional: Any, **named: Any) -> Callable[[], Any]:
        return lambda: command(*positional, **named)

    return collect


def _summary(command: Callable[..., Any]) -> str:
    text = command.__doc__ or ""
    return text.split("\n\n    Args:")[0].split("\n\nArgs:")[0]


def _first_fault(box: str) -> str:
    # tyro draws a titled box, or the title over a rule where the terminal has no box characters.
    lines = [line.strip("│|╭╮╰╯ ") for line in box.splitlines() if line.strip("│|╭╮╰╯ ")]
    rules = [not line.strip("─-") for line in lines]
    titled = bool(lines) and ("─" in lines[0] or rules[1:2] == [True])
    body = list(zip(lines, rules, strict=True))[titled:]
    if titled and body and body[0][1]:
        body = body[1:]
    end = next((k for k, (_, rule) in enumerate(body) if rule), len(body))
    fault = " ".join(line for line, _ in body[:end]) or "the words of the command could not be understood"
    rest = [line for line, rule in body[end:] if not rule]
    meant = next((rest[k + 1] for k, line in enumerate(rest[:-1]) if "Perhaps you meant" in line), None)
    return fault.rstrip(".") + (f"; perhaps you meant {meant.split()[0]}" if meant else "")


def _overview() -> str:
    """Text of `soundvcm --help`."""
    rows = "\n".join(f"  {name:<10} {text}" for name, text in COMMANDS.items())
    return (
        "soundvcm: give silent video a soundtrack in one network call\n\n"
        f"usage: soundvcm COMMAND ...\n\n{rows}\n\n"
        "every command: --help explains it; -q says errors only; -v says more, with a traceback of errors\n"
        f"your own defaults: {config_file()}, or SOUNDVCM_DEVICE and its like\n"
        "first steps: soundvcm generate clip.mp4      writes clip.sound.mp4\n"
        '             soundvcm generate --prompt "rain on a tin roof" --duration 8'
    )


def report(message: str) -> None:
    """One line on standard error."""
    print("soundvcm: " + " ".join(message.split()), file=sys.stderr)


def fail(message: str, code: int) -> None:
    """One line on standard error, then leave with the code."""
    report(message)
    raise SystemExit(code)


if __name__ == "__main__":
    main()
