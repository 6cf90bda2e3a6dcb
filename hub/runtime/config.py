"""Where settings come from: command line > HUB_* > secret files > hub.yaml > defaults; and which of them set what."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from hub.errors import Code, ConfigError
from hub.model.yaml_once import fault_of, read_once
from hub.settings import HubSettings

CONFIG_NAME = "hub.yaml"
# Variables that are HUB_* and no setting: they name files, secrets or the tests' own switches.
_NOT_SETTINGS = ("HUB_CONFIG", "HUB_DEBUG", "HUB_SECRET_", "HUB_TEST_")


class Loaded:
    """Settings together with the place from which each value came.

    Attributes:
        settings: Typed and checked.
        origins: Dotted name -> place (``HUB_DATABASE_URL``, ``hub.yaml``, ``command line``); a default is absent.
        config_path: The file that was read, or None.
    """

    def __init__(self, settings: HubSettings, origins: dict[str, str], config_path: Path | None) -> None:
        self.settings = settings
        self.origins = origins
        self.config_path = config_path


def load(
    *,
    config: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Loaded:
    """The settings of this process.

    Args:
        config: hub.yaml; else ``HUB_CONFIG``; else ``hub.yaml`` in the working folder where there is one.
        overrides: From the command line, dotted names.
        environ: The environment; ``HUB_SERVE__PORT`` sets ``serve.port``.

    Raises:
        ConfigError: A file that was named is missing or unreadable, or a value is wrong: which, from where, what is expected.
    """
    environ = os.environ if environ is None else environ
    path = _config_path(config, environ)
    origins: dict[str, str] = {}
    merged: dict[str, Any] = {}
    if path is not None:
        _merge(merged, _beside(_read_yaml(path), path.absolute().parent), path.name, origins)
    secrets_dir = environ.get("HUB_SECRETS_DIR") or merged.get("secrets_dir")
    if secrets_dir:
        _merge(merged, _read_secret_files(Path(str(secrets_dir)).expanduser()), "secret file", origins)
    for name, value in sorted(environ.items()):
        if name.startswith("HUB_") and not name.startswith(_NOT_SETTINGS):
            _set(merged, name.removeprefix("HUB_").lower().split("__"), value, name, origins)
    for name, value in (overrides or {}).items():
        if value is not None:
            _set(merged, name.split("."), value, "command line", origins)
    try:
        settings = HubSettings.model_validate(merged)
    except ValidationError as exc:
        raise ConfigError(_explain(exc, origins, path), code=Code.CONFIG_INVALID) from None
    return Loaded(settings, origins, path)


def _config_path(config: Path | None, environ: Mapping[str, str]) -> Path | None:
    named = config or (Path(environ["HUB_CONFIG"]) if environ.get("HUB_CONFIG") else None)
    if named is not None:
        if not named.is_file():
            state = "is no file" if named.exists() else "does not exist"
            raise ConfigError(
                f"the configuration file {named} {state} (named by {'--config' if config else 'HUB_CONFIG'}); "
                "write it (README shows one) or leave the name out",
                code=Code.CONFIG_MISSING,
            )
        return named
    found = Path(CONFIG_NAME)
    return found if found.is_file() else None


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        document = read_once(path.read_bytes())
    except (OSError, yaml.YAMLError) as exc:
        where = (isinstance(exc, yaml.YAMLError) and fault_of(exc)) or type(exc).__name__
        raise ConfigError(
            f"{path} cannot be read as YAML ({where}); correct it there and start again",
            code=Code.CONFIG_INVALID,
        ) from exc
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise ConfigError(
            f"{path} holds a {type(document).__name__} at its top (expected names with values, such as `channels:`); correct it",
            code=Code.CONFIG_INVALID,
        )
    return document


def _beside(document: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The document with its relative paths counted from the file's own folder.

    Counted from the working folder, a command that somebody calls elsewhere would have another home: another key ring, another database.
    """
    for name, field in HubSettings.model_fields.items():
        value = document.get(name)
        if field.annotation in (Path, Path | None) and isinstance(value, str):
            document[name] = str(folder / Path(value).expanduser())
    return document


def _read_secret_files(folder: Path) -> dict[str, Any]:
    """Settings given as files (``database_url``); other files of the folder are secrets by name and not read here."""
    file = folder / "database_url"
    try:
        return {"database_url": file.read_text(encoding="utf-8").strip()} if file.is_file() else {}
    except (OSError, UnicodeDecodeError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else "it is no text"
        raise ConfigError(
            f"{file} cannot be read ({why}; expected a file and a folder that the hub's user may read); give them to that user, or "
            "name another secrets_dir",
            code=Code.CONFIG_INVALID,
        ) from exc


def _merge(
    target: dict[str, Any], source: Mapping[str, Any], place: str, origins: dict[str, str], prefix: str = ""
) -> None:
    for name, value in source.items():
        dotted = f"{prefix}{name}"
        if isinstance(value, Mapping) and isinstance(target.get(name, {}), dict):
            _merge(target.setdefault(name, {}), value, place, origins, f"{dotted}.")
        else:
            target[name] = value
            origins[dotted] = place


def _set(target: dict[str, Any], parts: list[str], value: Any, place: str, origins: dict[str, str]) -> None:
    for part in parts[:-1]:
        nested = target.setdefault(part, {})
        if not isinstance(nested, dict):
            nested = target[part] = {}
        target = nested
    target[parts[-1]] = value
    origins[".".join(parts)] = place


def _explain(exc: ValidationError, origins: Mapping[str, str], path: Path | None) -> str:
    """Names each wrong setting and where it came from; values are not shown, one of them may be a secret."""
    lines = []
    for error in exc.errors(include_url=False):
        dotted = ".".join(str(part) for part in error["loc"])
        place = next((origins[name] for name in (dotted, dotted.rsplit(".", 1)[0]) if name in origins), None)
        told = _stepped(dotted, place) or fault(error, HubSettings)
        lines.append(f"{dotted} (from {place or (path.name if path else 'defaults')}): {told}")
    return (
        "the settings are not usable: "
        + "; ".join(lines)
        + "; correct each where it comes from, then look again with `hub doctor`"
    )


def _stepped(dotted: str, place: str | None) -> str | None:
    """What to say of a variable that has one underscore where a step down takes two; None of every other."""
    if place is None or not place.startswith("HUB_"):
        return None
    for section, field in HubSettings.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            name = dotted.removeprefix(f"{section}_")
            if name != dotted and name in inner.model_fields:
                return f"there is no such setting (did you mean HUB_{section.upper()}__{name.upper()}?)"
    return None


def fault(error: Mapping[str, Any], model: type[BaseModel]) -> str:
    """What is wrong with one setting, in our words where pydantic's speak of its own matters; never its value."""
    if error["type"] == "missing":
        return "is missing (expected a value)"
    if error["type"] == "string_type":
        given = error.get("input")
        quotes = "" if given is None or isinstance(given, (dict, list)) else ": put it between quotes"
        return f"is {_kind(given)} (expected a text{quotes})"
    if error["type"] != "extra_forbidden":
        return str(error["msg"]).removeprefix("Value error, ")
    from difflib import get_close_matches

    *within, name = map(str, error["loc"])
    places = dict(_places(model))
    near = get_close_matches(name, places, 1)
    if not near:
        return "there is no such setting"
    *section, meant = places[near[0]]
    here = len(section) == len(within) and all(a in (b, _ANY) for a, b in zip(section, within, strict=True))
    return f"there is no such setting (did you mean {(meant if here else '.'.join((*section, meant)))!r}?)"


def _kind(value: object) -> str:
    """What YAML took a value for, where a text was meant."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "yes or no"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, (dict, list)):
        return "names with values" if isinstance(value, dict) else "a list"
    return f"a {type(value).__name__}"


_ANY = "NAME"
"""Stands for a name of the operator's own in the way to a setting."""


def _places(model: type[BaseModel], section: tuple[str, ...] = ()) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each setting of a model and of the sections in it, with the way to it; those of the model itself last, so that they count."""
    for name, field in model.model_fields.items():
        named = (_ANY,) if get_origin(field.annotation) is dict else ()
        for inner in (field.annotation, *get_args(field.annotation)):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                yield from _places(inner, (*section, name, *named))
    for name in model.model_fields:
        yield name, (*section, name)
