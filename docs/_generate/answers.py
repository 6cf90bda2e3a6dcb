"""Small parts of `docs._generate.asked`: what is tried, and how two answers are compared and told."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from docs._generate.forms import Flat, Path, label

NUMBER, VERSION, POSITION, DELETED, KIND = (
    "the record's number",
    "its version",
    "its position",
    "whether it is gone",
    "what the record is",
)
UNKNOWN = "〇甲〇"
MARKED, WORDS = "<b>子</b>丑", "子丑"
# One moment in the forms that sources use; the county's zone where a form tells none.
MOMENT = "2026-11-20T01:30:00"
TIMES: Mapping[str, str] = {
    "`2026-11-20 09:30:00`": "2026-11-20 09:30:00",
    "`2026-11-20T09:30:00+08:00`": "2026-11-20T09:30:00+08:00",
    "`2026/11/20 9:30`": "2026/11/20 9:30",
    "`20261120093000`": "20261120093000",
    "`2026年11月20日 9时30分`": "2026年11月20日 9时30分",
    "`2026-11-20`": "2026-11-20",
    "days since 1900 as Excel counts them": "46346.3958333333",
    "seconds since 1970": "1795138200",
    "milliseconds since 1970": "1795138200000",
}
MOST_CONTEXTS = 6
HEXADECIMAL = re.compile(r"[0-9a-f]{12}")
KNOWN_BY = ("step", "kind")
TRIED = ("甲乙丙", "0", "2026-11-20 09:30:00", "1")
# Words that stand for nothing are no codes.
NOTHING = frozenset(("", "null", "NULL", "None", "undefined"))

Outputs = dict[str, Any]


def tables_of(modules: tuple[str, ...], kind: type = object) -> list[tuple[str, ...]]:
    """The words of each table that these modules hold, one table once."""
    found: set[tuple[str, ...]] = set()
    for module in (one for name in modules for one in modules_of(name)):
        for attribute, value in vars(module).items():
            if not attribute.startswith("__") and isinstance(value, kind):
                found.update(words_of(value))
    return sorted(words for words in found if words)


def modules_of(name: str) -> Iterator[ModuleType]:
    """The module, and all below it where it is a package."""
    module = import_module(name)
    yield module
    for below in iter_modules(getattr(module, "__path__", ())):
        yield from modules_of(f"{name}.{below.name}")


def words_of(value: Any) -> Iterator[tuple[str, ...]]:
    if isinstance(value, frozenset):
        if all(isinstance(word, str) for word in value):
            yield tuple(sorted(value - NOTHING))
    elif isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        inner = [one for one in value.values() if isinstance(one, Mapping)]
        for one in inner:
            yield from words_of(one)
        if not inner and not any(isinstance(one, tuple) for one in value.values()):
            yield tuple(key for key in value if key not in NOTHING)


def leaves(value: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from leaves(inner, f"{at}.{name}" if at else name)
    elif isinstance(value, list) and value and isinstance(value[0], Mapping):
        for index, inner in enumerate(value):
            # By what a member is known, so that one more before it changes nothing of the others.
            known = next((inner[name] for name in KNOWN_BY if isinstance(inner.get(name), str)), index)
            yield from leaves(inner, f"{at}[{known}]")
    else:
        yield at, value


def anywhere(output: str) -> str:
    """An output's name, whichever member of a list it stands in."""
    return re.sub(r"\[[^\]]*\]", "[]", output)


def differing(before: Outputs, after: Outputs) -> list[str]:
    """Names of outputs that differ; where the record has become another thing, that alone."""
    if before.get(KIND) != after.get(KIND):
        if "nothing" in (before.get(KIND), after.get(KIND)):
            return [DELETED] if before.get(DELETED) != after.get(DELETED) else []
        return [KIND]
    return [name for name in {**before, **after} if before.get(name) != after.get(name)]


def others(base: Flat, name: str, values: Sequence[Any]) -> Iterator[Any]:
    """Further values for a field: those of other samples, and its own with another end."""
    own = value_at(base, name)
    yield from (value for value in values if value != own)
    if plain(own) and not isinstance(own, bool):
        text = str(own)
        yield text + "甲"
        digits = [index for index, sign in enumerate(text) if sign.isascii() and sign.isdigit()]
        if digits:
            last = digits[-1]
            yield text[:last] + ("1" if text[last] != "1" else "2") + text[last + 1 :]


def value_at(base: Flat, name: str) -> Any:
    return next((value for path, value in base.items() if label(path) == name), None)


def has(base: Flat, name: str) -> bool:
    return any(label(path) == name for path in base)


def plain(value: Any) -> bool:
    return value is not None and not isinstance(value, list | dict) and value != ""


def within(path: Path, other: Path) -> bool:
    """Whether one of the two places lies in the other, so that both cannot stand in one record."""
    shorter, longer = sorted((path, other), key=len)
    return longer[: len(shorter)] == shorter


def is_code(value: Any) -> bool:
    if not isinstance(value, str):
        return isinstance(value, bool | int | float)
    # A number that is made of a record's content tells nobody anything.
    return re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,40}", value) is not None and not HEXADECIMAL.search(value)


def is_word(value: str) -> bool:
    return re.fullmatch(r"[\w（）()-]{1,12}", value) is not None and not HEXADECIMAL.search(value)


def shown_as(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def is_echo(value: Any, code: str, of_unknown: Any) -> bool:
    """Whether an output is what it is for any word, but for the word itself."""
    return str(of_unknown).replace(UNKNOWN, code) == str(value)


def varying(given: Mapping[str, Outputs]) -> set[str]:
    """Outputs that are not the same for all codes, and do more than repeat the code."""
    names = {name for outputs in given.values() for name in outputs}
    return {
        name
        for name in names
        if any(
            outputs.get(name) is not None and code not in str(outputs[name])
            for code, outputs in given.items()
        )
        and len({repr(outputs.get(name)) for outputs in given.values()}) > 1
    }


def beyond_echo(given: Mapping[str, Outputs], unknown: Outputs) -> set[str]:
    """Outputs that some codes set otherwise than any other word does."""
    return {
        name
        for code, outputs in given.items()
        for name in differing(unknown, outputs)
        if not is_echo(outputs.get(name), code, unknown.get(name))
    }


def telling_of(names: set[str], given: Mapping[str, Outputs]) -> list[str]:
    """What is told of a code: where it makes another thing of the record, that alone; never how the record is known, nor the code again."""
    for whole in (DELETED, KIND):
        if whole in names:
            return [whole]
    repeating = {
        name
        for name in names
        if all(str(outputs.get(name, code)) in (code, "None") for code, outputs in given.items())
    }
    return sorted((names - repeating or names) - {NUMBER, VERSION, POSITION})


def told_of(outputs: Outputs, own: Collection[str], empty: Outputs) -> str:
    """The outputs that a code gives, in words; what only repeats another field of the record is told as such.

    Of several members of a list the one is told that is not there without the field.
    """
    parts: dict[str, str] = {}
    for name, value in sorted(outputs.items(), key=lambda one: one[1] != empty.get(one[0])):
        if str(value) in own and isinstance(value, str):
            parts[anywhere(name)] = "given"
        elif is_code(value) or (isinstance(value, str) and is_word(value)):
            parts[anywhere(name)] = f"`{shown_as(value)}`"
    if len(outputs) == 1 and "given" not in parts.values():
        return "".join(parts.values())
    told = sorted(parts.items())
    return ", ".join(f"`{name}` {value}" if " " not in name else f"{name}: {value}" for name, value in told)
