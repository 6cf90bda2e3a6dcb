"""What a contender ended with, and what is to be thought of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from hub.testing.hostile import Fields, Misbehaviour

Verdict = Literal["right", "loud", "silent", "no end"]
Ended = Literal["well", "error", "limit"]

# Records that move or arrive while the window is read belong to the next run as well.
MOVING = frozenset((Misbehaviour.RECORD_VANISHES, Misbehaviour.RECORDS_ARRIVE, Misbehaviour.CLOCK_SKEW))
# One record is spoilt: it may be set aside with its reason, and no other may.
SPOILT = frozenset(
    (
        Misbehaviour.POSITION_NOT_A_DATE,
        Misbehaviour.POSITION_IN_FUTURE,
        Misbehaviour.MISSING_KEY,
        Misbehaviour.RETYPED_FIELD,
        Misbehaviour.MEGABYTE_CONTENT,
    )
)
# Markup may be kept as it came, or its words alone.
_HTML_WORDS = "没有人"


@dataclass(frozen=True)
class Row:
    """One row of the destination: the record's number, its time of change as text, the citizen's words."""

    number: str | None
    changed: str | None
    words: str


@dataclass(frozen=True)
class Kept:
    """What stands in the destination.

    Attributes:
        rows: Each row.
        aside: Codes of the records that were set aside, with their bytes and where somebody sees them.
    """

    rows: Sequence[Row]
    aside: Sequence[str] = ()


@dataclass(frozen=True)
class Judged:
    """The verdict on one case, with what was found in a few words."""

    verdict: Verdict
    found: str


@dataclass(frozen=True)
class Faults:
    """How what is kept differs from what the source holds."""

    there: int
    of: int
    lost: int
    doubled: int
    stale: int
    garbled: int
    aside: int = 0

    @property
    def none(self) -> bool:
        return not (self.lost or self.doubled or self.stale or self.garbled)

    def __str__(self) -> str:
        told = [f"{self.there} of {self.of}"]
        told += [
            f"{count} {word}"
            for word, count in (
                ("doubled", self.doubled),
                ("out of date", self.stale),
                ("garbled", self.garbled),
                ("of them set aside", self.aside),
            )
            if count
        ]
        return ", ".join(told)


def faults(
    kept: Kept, records: Sequence[Fields], special: str, misbehaviour: Misbehaviour, *, moving: bool
) -> Faults:
    """Compares what is kept with the records of the source: every one there once, in its latest version, with its words.

    Args:
        kept: What stands in the destination.
        records: All of the source, as they stand now.
        special: Number of the spoilt record.
        misbehaviour: What the source did.
        moving: The source is being read for the first time while records move: only that nothing is doubled is looked at.
    """
    by_number: dict[str | None, list[Row]] = {}
    for row in kept.rows:
        by_number.setdefault(row.number, []).append(row)
    excused = min(1, len(kept.aside)) if misbehaviour in SPOILT else 0
    counts: Counter[str] = Counter()
    for record in records:
        number = str(record["zxbh"]) if record.get("zxbh") else None
        is_spoilt = misbehaviour in SPOILT and (number is None or number == special)
        found = by_number.get(number, [])
        if not found:
            counts["aside" if is_spoilt and excused else "lost"] += 1
            continue
        counts["doubled"] += len(found) > 1
        counts["stale"] += (
            not is_spoilt and found[0].changed is not None and found[0].changed != record["gxsj"]
        )
        counts["garbled"] += not _same_words(record["nr"], found[0].words)
    if moving:
        counts["lost"] = counts["stale"] = 0
    there = len(records) - counts["lost"]
    kinds = ("lost", "doubled", "stale", "garbled", "aside")
    return Faults(there, len(records), *(counts[kind] for kind in kinds))


def _same_words(said: Any, words: str) -> bool:
    if isinstance(said, list):
        return all(str(part) in words for part in said)
    if "<" in str(said):
        return _HTML_WORDS in words
    return words.strip() == str(said).strip()


def judge(
    misbehaviour: Misbehaviour, first: tuple[Ended, Faults], second: tuple[Ended, Faults] | None
) -> Judged:
    """The verdict over two runs: the first against the misbehaving source, the second an hour later, when it behaves and holds one record more.

    The rule is the contract's: a run ends with every record, or it says that it did not, and what it kept back comes with a later one.
    """
    ended, at_first = first
    if ended == "limit" or second is None:
        return Judged("no end", f"did not end within the time limit; {at_first}")
    again, at_last = second
    if ended == "well" and not at_first.none and misbehaviour not in MOVING:
        later = "the next run mended it" if at_last.none else f"and {at_last} after the next run"
        return Judged("silent", f"success with {at_first}; {later}")
    if not at_last.none and again == "well":
        how = "an error, then success" if ended == "error" else "success"
        return Judged("silent", f"{how} with {at_last} after the next run")
    if again == "limit":
        return Judged("no end", f"the next run did not end within the time limit; {at_last}")
    if again == "error":
        if ended == "error":
            return Judged("loud", f"an error at every run, {at_last}")
        return Judged(
            "silent" if not at_first.none else "loud", f"success, then an error at the next run, {at_last}"
        )
    if ended == "error":
        return Judged("loud", f"an error with {at_first}; all there after the next run")
    return Judged("right", f"all {at_last.of}" + (", 1 of them set aside" if at_last.aside else ""))
