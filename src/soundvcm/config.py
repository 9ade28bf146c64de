"""Frozen, checked configurations: base class, YAML files, dotted overrides with the nearest name suggested.

A configuration is saved with every checkpoint, so it holds only what a checkpoint must carry (network, codec,
encoders, objective, training). Knows no configuration in particular.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import pydantic

from soundvcm.errors import ConfigError, nearest


class Config(pydantic.BaseModel):
    """Base of all configurations: frozen, unknown names refused, values converted to the declared types."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", validate_default=True)

    #: settings that are constants now, with their value: files that name it are still read
    retired: ClassVar[dict[str, Any]] = {}

    @pydantic.model_validator(mode="before")
    @classmethod
    def _without_retired(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        return {
            name: value
            for name, value in values.items()
            if name not in cls.retired or not _equal(value, cls.retired[name])
        }

    @classmethod
    def build(cls, values: Mapping[str, Any]) -> Self:
        """A configuration from a mapping.

        Raises:
            ConfigError: one line naming the first wrong field, with the nearest known name.
        """
        try:
            return cls.model_validate(dict(values))
        except pydantic.ValidationError as error:
            raise ConfigError(_one_line(cls, error)) from None

    def change(self, overrides: Mapping[str, Any]) -> Self:
        """A copy with dotted overrides such as {"optimizer.rate": "2e-4"}; types are checked again.

        Raises:
            ConfigError: for an unknown name (the nearest is suggested) or a value that does not fit.
        """
        values = self.model_dump()
        for path, value in overrides.items():
            _set(values, path.split("."), value, path)
        return type(self).build(values)

    def to_yaml(self) -> str:
        """The whole configuration as YAML text."""
        import yaml

        return str(yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True))

    @classmethod
    def from_yaml(cls, path: Path) -> Self:
        """Read a YAML file.

        Raises:
            ConfigError: if the file cannot be read or a field is wrong.
        """
        import yaml

        try:
            values = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise ConfigError(f"{path}: cannot be read as YAML ({str(error).splitlines()[0]})") from None
        if not isinstance(values, dict):
            raise ConfigError(f"{path}: expected names and values, found {type(values).__name__}")
        return cls.build(values)


def parse_overrides(words: Iterable[str]) -> dict[str, Any]:
    """Overrides from words `name.field=value`; values are read as YAML, then coerced by the config.

    Raises:
        ConfigError: if a word has no "=".
    """
    import yaml

    found: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise ConfigError(f"override {word!r} is not of the form name=value")
        try:
            found[name.replace("-", "_")] = yaml.safe_load(value)
        except yaml.YAMLError:
            found[name.replace("-", "_")] = value
    return found


def _equal(value: Any, constant: Any) -> bool:
    return list(value) == list(constant) if isinstance(constant, tuple) else bool(value == constant)


def _set(values: dict[str, Any], parts: list[str], value: Any, path: str) -> None:
    head, *rest = parts
    if head not in values:
        raise ConfigError(f"unknown setting {path!r}: no {head!r}{nearest(head, values)}")
    if not rest:
        values[head] = value
    elif isinstance(values[head], dict):
        _set(values[head], rest, value, path)
    else:
        raise ConfigError(f"unknown setting {path!r}: {head!r} has no parts")


def _one_line(cls: type[Config], error: pydantic.ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        name = str(first["loc"][-1])
        model: Any = cls
        for part in first["loc"][:-1]:
            field = getattr(model, "model_fields", {}).get(part)
            model = field.annotation if field else None
        return f"{cls.__name__}: unknown setting {where!r}{nearest(name, getattr(model, 'model_fields', {}))}"
    return f"{cls.__name__}: {where or 'configuration'}: {first['msg']} (given: {first['input']!r})"
