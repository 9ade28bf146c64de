"""Configurations refuse unknown names with the nearest one, convert types, survive YAML."""

from __future__ import annotations

from pathlib import Path

import pytest

from soundvcm.config import Config, parse_overrides
from soundvcm.errors import ConfigError, nearest


class OptimizerConfig(Config):
    rate: float = 1e-4
    betas: tuple[float, float] = (0.9, 0.95)


class RunConfig(Config):
    steps: int = 10
    name: str = "run"
    optimizer: OptimizerConfig = OptimizerConfig()


def test_dotted_overrides_are_type_checked() -> None:
    run = RunConfig().change({"optimizer.rate": "2e-4", "steps": 5})
    assert run.optimizer.rate == 2e-4 and run.steps == 5 and RunConfig().steps == 10
    with pytest.raises(ConfigError, match="steps"):
        RunConfig().change({"steps": "many"})


def test_unknown_names_get_the_nearest() -> None:
    with pytest.raises(ConfigError, match="'rate'"):
        RunConfig().change({"optimizer.rat": 1})
    with pytest.raises(ConfigError, match="'steps'"):
        RunConfig.build({"step": 3})
    with pytest.raises(ConfigError, match="'betas'"):
        RunConfig.build({"optimizer": {"beta": 3}})
    with pytest.raises(ConfigError, match="has no parts"):
        RunConfig().change({"steps.more": 3})


def test_frozen() -> None:
    with pytest.raises(Exception, match="frozen"):
        RunConfig().steps = 3  # type: ignore[misc]


def test_yaml_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(RunConfig(steps=7).to_yaml())
    assert RunConfig.from_yaml(path) == RunConfig(steps=7)


@pytest.mark.parametrize("text", ["- a\n- b\n", "steps: [", "\x00"])
def test_bad_yaml_is_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        RunConfig.from_yaml(path)
    assert "\n" not in str(caught.value) and "bad.yaml" in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        RunConfig.from_yaml(tmp_path / "none.yaml")


def test_words_of_the_command_line() -> None:
    assert parse_overrides(["optimizer.rate=2e-4", "name=x=y", "loop-steps=3"]) == {
        "optimizer.rate": "2e-4",
        "name": "x=y",
        "loop_steps": 3,
    }
    with pytest.raises(ConfigError, match="name=value"):
        parse_overrides(["steps"])


def test_nearest() -> None:
    assert nearest("genrate", ["generate", "probe"]) == " (did you mean 'generate'?)"
    assert "known: a, b" in nearest("zzzz", ["b", "a"])
