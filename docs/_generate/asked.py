"""What a channel makes of each field of a record, found by asking the channel itself.

A channel's own samples are read again and again: with one field taken away, changed, filled with a word that nobody knows, with each code that the
channel's tables hold, with times in the usual forms; and what the channel says then is compared with what it said before. So a page tells what the
code does, and not what somebody once wrote of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from docs._generate.answers import (
    DELETED,
    KIND,
    MARKED,
    MOMENT,
    MOST_CONTEXTS,
    NUMBER,
    POSITION,
    TIMES,
    TRIED,
    UNKNOWN,
    VERSION,
    WORDS,
    Outputs,
    anywhere,
    beyond_echo,
    differing,
    has,
    is_code,
    is_echo,
    leaves,
    others,
    plain,
    shown_as,
    tables_of,
    telling_of,
    told_of,
    value_at,
    varying,
    within,
)
from docs._generate.forms import Flat, Form, Path, label
from hub.errors import RecordRejected
from hub.sdk.channel import RawRecord


@dataclass(frozen=True)
class Answer:
    """What came of one record: outputs by their name, or the code with which it was set aside."""

    outputs: Outputs = field(default_factory=dict)
    code: str | None = None


@dataclass(frozen=True)
class Ground:
    """One kind of record of one channel, with all that is needed to ask about it.

    Attributes:
        title: Of its section.
        form: How its bytes are taken apart and put together.
        samples: Bytes of records that the channel understands.
        landed: Bytes -> the record as it is collected.
        said: A record -> what it says.
        modules: Modules and packages in which its tables stand.
        names: Fields that the code knows; those of which no sample holds one are put into the fullest record.
        perhaps: The same, of several kinds of records together: told where they have a say in this one.
        at: Where in a record those fields stand.
        also: Name of a field -> what else the source may call it.
        passed_over: Names in a place that are the samples' own matter.
    """

    title: str
    form: Form
    samples: Sequence[bytes]
    landed: Callable[[bytes], RawRecord]
    said: Callable[[RawRecord], Sequence[Any]]
    modules: tuple[str, ...]
    names: tuple[str, ...] = ()
    perhaps: tuple[str, ...] = ()
    at: Path = ()
    also: Mapping[str, Sequence[str]] = field(default_factory=dict)
    passed_over: frozenset[str] = frozenset(("_",))


@dataclass
class Found:
    """What was found of one field.

    Attributes:
        becomes: Output -> the field that must be empty for it; "" where none must.
        how: In words.
        times: Forms in which its time may be written.
        missing: What becomes of a record without it.
        unknown: What becomes of a word that nobody knows.
        codes: What a code gives -> the codes.
    """

    name: str
    becomes: dict[str, str] = field(default_factory=dict)
    how: list[str] = field(default_factory=list)
    times: tuple[str, ...] = ()
    missing: str = ""
    unknown: str = ""
    codes: dict[str, list[str]] = field(default_factory=dict)


class Asking:
    """Asks one ground about all its fields."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._bases = [ground.form.read(body) for body in ground.samples]
        self._answers: dict[str, Answer] = {}
        self._tables = tables_of(ground.modules)
        # Words of which a set is kept, not a table, may stand for nothing.
        self._fillers = {word for words in tables_of(ground.modules, Set) for word in words}
        self._fullest = self._merged()

    def found(self) -> list[Found]:
        """Every field of the fullest record, then those of other samples."""
        labels = list(dict.fromkeys(label(path) for base in (self._fullest, *self._bases) for path in base))
        lists = {name.partition("[]")[0] for name in labels if "[]" in name}
        asked = [
            self._about(name)
            for name in labels
            if name not in lists and not self._ground.passed_over & set(re.split(r"[.\[\]]+", name))
        ]
        sampled = {label(path) for base in self._bases for path in base}
        return [one for one in asked if one.becomes or one.name in {*sampled, *self._ground.names}]

    # --- asking ------------------------------------------------------------------------------------------------------

    def _ask(self, base: Flat) -> Answer:
        key = repr(base)
        if key not in self._answers:
            self._answers[key] = self._asked(self._ground.form.write(base))
        return self._answers[key]

    def _asked(self, body: bytes) -> Answer:
        raw = self._ground.landed(body)
        if raw.problem is not None:
            return Answer(code=str(raw.problem.code))
        try:
            said = list(self._ground.said(raw))
        except RecordRejected as exc:
            return Answer(code=str(exc.code))
        outputs: Outputs = {
            NUMBER: raw.source_no,
            VERSION: raw.version,
            POSITION: raw.position_at.isoformat() if raw.position_at else None,
            DELETED: raw.deleted,
            KIND: ", ".join(sorted(type(one).__name__.lower() for one in said)) or "nothing",
        }
        for one in said:
            for name, value in leaves(one.model_dump(mode="json", exclude={"source_no", "kind", "deleted"})):
                outputs.setdefault(name, value)
        return Answer(outputs)

    def _with(self, base: Flat, name: str, value: Any) -> Flat:
        """The record with another value in the first place of that name."""
        for path in base:
            if label(path) == name:
                return {**base, path: value}
        return base

    def _without(self, base: Flat, name: str) -> Flat:
        return {path: value for path, value in base.items() if label(path) != name}

    def _merged(self) -> Flat:
        """The sample with the most fields, filled up from the others as long as it stays what it is."""
        merged = dict(max(self._bases, key=len))
        kind = self._ask(merged).outputs.get(KIND)
        for base in self._bases:
            for path, value in base.items():
                if path in merged or any(within(path, other) for other in merged):
                    continue
                tried = {**merged, path: value}
                if self._ask(tried).outputs.get(KIND) == kind:
                    merged = tried
        for name in self._ground.names:
            merged = next(self._filled(merged, name, kind), merged)
        for name in self._ground.perhaps:
            filled = next(self._filled(merged, name, kind), merged)
            if self._ask(filled).outputs != self._ask(merged).outputs:
                merged = filled
        return merged

    def _filled(self, base: Flat, name: str, kind: Any) -> Iterator[Flat]:
        """The record with something in a field that no sample has, as long as it stays what it is."""
        path = (*self._ground.at, name)
        if any(
            re.match(rf"{re.escape(label(path))}(?:$|[.\[])", label(one))
            for sample in self._bases
            for one in sample
        ):
            return
        for value in (*TRIED, *(words[0] for words in self._tables)):
            tried = {**base, path: value}
            if self._ask(tried).outputs.get(KIND) == kind:
                yield tried

    # --- one field ---------------------------------------------------------------------------------------------------

    def _about(self, name: str) -> Found:
        found = Found(name)
        bases = [base for base in (self._fullest, *self._bases) if has(base, name)]
        if len(bases) == 1:
            own = {path: value for path, value in bases[0].items() if label(path) == name and len(path) == 1}
            bases += [{**base, **own} for base in self._bases if own]
        values = list(dict.fromkeys(value_at(base, name) for base in bases if plain(value_at(base, name))))
        values += self._accepted(bases[0], name)
        for base in bases[:MOST_CONTEXTS]:
            for output in self._touched(base, name, list(others(base, name, values))):
                found.becomes.setdefault(anywhere(output), "")
        self._add_masked(found, values)
        self._tell_missing(found, bases)
        base = self._telling(bases, name, found, values)
        if base is not None:
            self._tell_unknown(found, base)
            self._tell_codes(found, [base, *bases])
            self._tell_how(found, base)
        return found

    def _accepted(self, base: Flat, name: str) -> list[str]:
        """A few values that a field takes where no sample has another: codes, a time, a number."""
        if self._ask(self._with(base, name, UNKNOWN)).code is None:
            return []
        tries = [*(word for words in self._tables for word in words[:3]), *TIMES.values(), "7"]
        return [one for one in tries if self._ask(self._with(base, name, one)).code is None][:6]

    def _touched(self, base: Flat, name: str, values: Sequence[Any]) -> Iterator[str]:
        """Outputs that differ without the field, or with another of these values in it."""
        before = self._ask(base)
        for tried in (self._without(base, name), *(self._with(base, name, value) for value in values)):
            after = self._ask(tried)
            if after.code is None and before.code is None:
                yield from differing(before.outputs, after.outputs)

    def _add_masked(self, found: Found, values: Sequence[Any]) -> None:
        """Outputs that this field gives only where another is empty."""
        if not has(self._fullest, found.name):
            return
        for other in dict.fromkeys(label(path) for path in self._fullest):
            less = self._without(self._fullest, other)
            if other == found.name or self._ask(less).code is not None or not has(less, found.name):
                continue
            for output in self._touched(less, found.name, list(others(less, found.name, values))[:1]):
                found.becomes.setdefault(anywhere(output), other)

    def _tell_missing(self, found: Found, bases: Sequence[Flat]) -> None:
        answers = [(self._ask(base), self._ask(self._without(base, found.name))) for base in bases]
        codes = sorted({after.code for _, after in answers if after.code is not None})
        if codes:
            told = "set aside: " + ", ".join(f"`{code}`" for code in codes)
            always = all(after.code is not None for _, after in answers)
            found.missing = told if always else f"{told}, where no other field tells it"
            return
        kept = {
            output: after.outputs.get(output)
            for before, after in answers
            for output in differing(before.outputs, after.outputs)
            if anywhere(output) in found.becomes
        }
        shown = [f"`{shown_as(value)}`" for value in kept.values() if is_code(value)]
        found.missing = ", ".join(dict.fromkeys(shown)) or "–"

    def _telling(self, bases: Sequence[Flat], name: str, found: Found, values: Sequence[Any]) -> Flat | None:
        """A record in which the field matters: preferably one where it does so by itself."""
        for base in bases:
            if (
                any(self._touched(base, name, list(others(base, name, values))))
                or self._ask(self._without(base, name)).code
            ):
                return base
        masks = [other for other in found.becomes.values() if other]
        return self._without(self._fullest, masks[0]) if masks else None

    def _tell_unknown(self, found: Found, base: Flat) -> None:
        before, after = self._ask(base), self._ask(self._with(base, found.name, UNKNOWN))
        if after.code is not None:
            found.unknown = f"set aside: `{after.code}`"
            return
        changed = {name: after.outputs.get(name) for name in differing(before.outputs, after.outputs)}
        if not changed:
            return
        kept = [value for value in changed.values() if UNKNOWN in str(value)]
        told = ["as it stands" if UNKNOWN in kept else "within the text"] if kept else []
        told += [f"`{shown_as(value)}`" for value in changed.values() if is_code(value)]
        found.unknown = ", ".join(dict.fromkeys(told)) or "left out"

    def _tell_how(self, found: Found, base: Flat) -> None:
        if found.codes:
            found.how.append("by its codes, see below")
        unknown = self._ask(self._with(base, found.name, UNKNOWN))
        if unknown.code is not None and not found.codes:
            number = self._ask(self._with(base, found.name, "7")).code is None
            found.times = self._forms_of(base, found.name, number)
            if found.times or number:
                found.how.append("a time" if found.times else "a number")
        elif self._is_number(base, found.name):
            found.how = ["a number"]
            return
        elif "as it stands" in found.unknown:
            found.how.append("as it stands")
        elif "within the text" in found.unknown:
            found.how.append("within the text")
        marked = self._ask(self._with(base, found.name, MARKED))
        if marked.code is None and any(WORDS in str(value) for value in marked.outputs.values()):
            found.how = [one for one in found.how if "codes" in one] + ["its words, without markup"]
        if not found.how and not unknown.code:
            found.how.append("whether it is told")

    def _forms_of(self, base: Flat, name: str, is_number: bool) -> tuple[str, ...]:
        """Forms in which the field is understood as the moment; where no output repeats it, and it is no number, those that are taken."""
        shown = (MOMENT[:16], "2026-11-19T16:00", "2026-11-20T15:59")
        answers = {form: self._ask(self._with(base, name, text)) for form, text in TIMES.items()}
        taken = [form for form, answer in answers.items() if answer.code is None]
        told = [
            form
            for form in taken
            if any(str(value).startswith(shown) for value in answers[form].outputs.values())
        ]
        return tuple(told or ([] if is_number else taken))

    def _tell_codes(self, found: Found, bases: Sequence[Flat]) -> None:
        """What each code gives, in the record in which the codes tell the most apart."""
        masks = dict.fromkeys(mask for mask in found.becomes.values() if mask)
        tried = [self._codes_in(bases[0], found.name)]
        tried += [self._codes_in(self._without(self._fullest, mask), found.name) for mask in masks]
        if any(tried):
            tried += [self._codes_in(base, found.name) for base in bases[1:]]
        found.codes = max(tried, key=lambda codes: (len(codes), -sum(map(len, codes))))

    def _is_number(self, base: Flat, name: str) -> bool:
        """Whether a number with a point comes through as that number."""
        return 7.25 in self._ask(self._with(base, name, "7.25")).outputs.values()

    def _codes_in(self, base: Flat, name: str) -> dict[str, list[str]]:
        unknown = self._ask(self._with(base, name, UNKNOWN))
        if unknown.code not in (None, "value_unmapped") or self._is_number(base, name):
            return {}
        given: dict[str, Outputs] = {}
        for words in self._tables:
            if self._given(base, name, words[:2], unknown):
                given |= self._given(base, name, words, unknown)
        empty = self._ask(self._without(base, name)).outputs
        codes: dict[str, list[str]] = {}
        for word in sorted(self._fillers & given.keys()):
            if given[word] == empty:
                codes.setdefault("nothing", []).append(word)
                del given[word]
        telling = telling_of(
            varying(given) if unknown.code is not None else beyond_echo(given, unknown.outputs), given
        )
        own = {str(value) for path, value in base.items() if label(path) != name}
        for code, outputs in sorted(given.items()):
            if unknown.code is None and all(
                is_echo(outputs.get(output), code, unknown.outputs.get(output)) for output in telling
            ):
                continue
            told = told_of({output: outputs.get(output) for output in telling}, own, empty)
            if told:
                codes.setdefault(told, []).append(code)
        return codes

    def _given(self, base: Flat, name: str, words: Sequence[str], unknown: Answer) -> dict[str, Outputs]:
        """The words of a table that the field takes, and takes otherwise than any other word."""
        answers = {word: self._ask(self._with(base, name, word)) for word in words}
        return {
            word: answer.outputs
            for word, answer in answers.items()
            if answer.code is None
            and (
                unknown.code is not None
                or any(
                    not is_echo(value, word, unknown.outputs.get(output))
                    for output, value in answer.outputs.items()
                )
            )
        }
