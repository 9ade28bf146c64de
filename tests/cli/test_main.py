"""The command's frame: help, versions, one line and the right exit code for every fault."""

from __future__ import annotations

import subprocess
import sys
from typing import Annotated

import pytest
import tyro

from soundvcm import __version__
from soundvcm.cli import main as cli
from soundvcm.errors import DeviceError, MissingExtraError, NonFiniteError, OptionError, SoundVCMError


def leave(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        cli.main(list(words))
    out, err = capsys.readouterr()
    return int(caught.value.code or 0), out, err


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = leave(capsys, "--help")
    assert code == 0 and all(name in out for name in cli.COMMANDS)
    assert leave(capsys, "--version")[1] == f"soundvcm {__version__}\n"
    assert leave(capsys)[0] == 2


def test_unknown_command_suggests_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = leave(capsys, "genrate")
    assert code == 2 and "did you mean 'generate'" in err and err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["--nmu_steps", "3"], "--nmu_steps"),
        (["--num_steps", "three"], "three"),
        (["--device"], "device"),
    ],
)
def test_wrong_words_are_one_line(capsys: pytest.CaptureFixture[str], words: list[str], part: str) -> None:
    code, out, err = leave(capsys, "generate", *words)
    assert code == 2 and out == "" and err.count("\n") == 1 and part in err and "Traceback" not in err


def test_every_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    for name in cli.COMMANDS:
        code, out, _ = leave(capsys, name, "--help")
        assert code == 0 and "usage" in out, name


def test_dashes_and_underscores_are_the_same() -> None:
    seen = []

    def command(
        *, num_steps: int = 1, audio_only: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    ) -> int:
        seen.append((num_steps, audio_only))
        return 0

    assert cli.run(lambda: command, ["--num_steps", "4", "--audio-only"], "x") == 0
    assert cli.run(lambda: command, ["--num-steps", "4", "--audio_only"], "x") == 0
    assert seen == [(4, True), (4, True)]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OptionError("no"), 2),
        (DeviceError("no"), 2),
        (MissingExtraError("fastapi", "serve"), 2),
        (NonFiniteError("no"), 3),
        (SoundVCMError("no"), 1),
        (FileNotFoundError(2, "No such file", "x.mp4"), 2),
        (KeyboardInterrupt(), 130),
    ],
)
def test_errors_become_exit_codes(
    capsys: pytest.CaptureFixture[str], error: BaseException, code: int
) -> None:
    def command() -> int:
        raise error

    assert cli.run(lambda: command, [], "x") == code
    err = capsys.readouterr().err
    assert err.startswith("soundvcm: ") and err.count("\n") == 1


def test_own_faults_are_not_hidden() -> None:
    """A fault of the program keeps its traceback: hiding it would help nobody."""

    def command() -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        cli.run(lambda: command, [], "x")


def test_missing_extra_names_the_command() -> None:
    assert 'pip install "soundvcm[serve]"' in str(MissingExtraError("fastapi", "serve"))


def test_python_runs_the_package() -> None:
    done = subprocess.run([sys.executable, "-m", "soundvcm", "--version"], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout == f"soundvcm {__version__}\n", done.stderr
