"""For how many people a demand speaks, in its own words: 我代表全楼32户, 我们二十多户村民, 联名（15人）."""

from __future__ import annotations

import re

MOST = 100_000
_DIGITS = {word: value for value, word in enumerate("零一二三四五六七八九")} | {"两": 2}
_UNITS = {"十": 10, "百": 100, "千": 1_000}
_NUMBER = r"(?P<n>\d{1,6}|[零一二两三四五六七八九十百千]{1,7})"
_MANY = r"\s*(?:多|余|来|几)?\s*(?:户|家农户|人|名|位)"
# What is told of others (反映3人拖欠) is no number of those who speak; deputies (人大代表5名) speak for nobody here.
_GAP = r"(?:(?!反映|投诉|举报|要求|咨询|拖欠|办理)[^，,。；;！!？?\n]){0,20}?"
# Sign that must stand in the text -> how the number is said about it.
_FORMS = {
    "代表": rf"(?<![大民党工众务])代表{_GAP}{_NUMBER}{_MANY}",
    "联名": rf"联名[^，,。；;！!？?\n]{{0,8}}?{_NUMBER}{_MANY}|(?P<m>\d{{1,6}}|[零一二两三四五六七八九十百千]{{1,7}}){_MANY}[^，,。；;！!？?\n]{{0,8}}联名",
    "户": rf"我们[^，,。；;！!？?\n\d]{{0,12}}?{_NUMBER}\s*(?:多|余|来|几)?\s*户",
}
_COMPILED = {sign: re.compile(form) for sign, form in _FORMS.items()}
_READ = 2_000  # whoever speaks for others says so at the beginning


def declared_heads(text: str) -> int | None:
    """How many people or households the text says that it speaks for; None where it says none, or one.

    Of several numbers the first that is said counts: later ones mostly count something else.
    """
    read = text[:_READ]
    found = [match for sign, form in _COMPILED.items() if sign in read and (match := form.search(read))]
    for match in sorted(found, key=lambda match: match.start()):
        number = _number(match["n"] or match.groupdict().get("m") or "")
        if 2 <= number <= MOST:
            return number
    return None


def _number(said: str) -> int:
    """What a number of digits or of Chinese numerals below ten thousand is."""
    if said.isdecimal():
        return int(said)
    total, digit = 0, 0
    for sign in said:
        if sign in _UNITS:
            total += (digit or (0 if total else 1)) * _UNITS[sign]
            digit = 0
        else:
            digit = _DIGITS[sign]
    return total + digit
