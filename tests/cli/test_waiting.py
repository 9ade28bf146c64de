"""How OpenMP's threads wait: asleep, unless the user says otherwise."""

from __future__ import annotations

import pytest

from soundvcm.cli import main as cli

NAMES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")


def test_commands_let_threads_sleep_but_keep_what_the_user_says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[dict[str, str | None]] = []
    monkeypatch.setattr(
        cli, "run", lambda *_: seen.append({name: cli.os.environ.get(name) for name in NAMES})
    )
    for theirs in ({}, {"OMP_WAIT_POLICY": "active"}, {"GOMP_SPINCOUNT": "100"}, {"KMP_BLOCKTIME": "200"}):
        for name in NAMES:
            monkeypatch.delenv(name, raising=False)
        for name, value in theirs.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit):
            cli.main(["doctor"])
        expected = dict.fromkeys(NAMES) | (theirs or {"OMP_WAIT_POLICY": "passive"})
        assert seen[-1] == expected
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
