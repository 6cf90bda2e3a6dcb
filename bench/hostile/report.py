"""The table and the figures that go into docs/hostile-sources.md, and back from there."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from hostile.cases import WHY, sentence
from hostile.judge import Judged
from hub.testing.hostile import Misbehaviour

_WORDS: Mapping[str, str] = {
    "right": "right",
    "loud": "loud",
    "silent": "**silent**",
    "no end": "**no end**",
}
_HEADS = ("case", "the source, and what is at stake")
_CELL = re.compile(r"\*\*(.+?)\*\*|(right|loud)")


def as_markdown(
    found: Mapping[str, Mapping[str, Judged]],
    untold: Mapping[str, Mapping[str, Judged]],
    titles: Mapping[str, str],
) -> str:
    """All tables.

    Args:
        found: Contender -> case's name -> verdict.
        untold: The same for contenders that were not told of the envelope.
        titles: Contender -> how it is called, with its version.
    """
    names = list(found)
    parts = [
        _table(
            ["verdict", *(titles[name] for name in names)],
            [
                [
                    _WORDS[verdict],
                    *(str(counts[verdict]) for counts in (_counts(found[name]) for name in names)),
                ]
                for verdict in _WORDS
            ],
        ),
        _table(
            [*_HEADS, *(titles[name] for name in names)],
            [_row(case, [found[name].get(case.name) for name in names]) for case in WHY],
        ),
    ]
    parts += _beside(found, titles)
    if untold:
        others = list(untold)
        cases = [case for case in WHY if any(case.name in untold[name] for name in others)]
        parts += [
            "The same, where the peers are not told of the portal's envelope:",
            _table(
                ["case", *(titles[name] for name in others)],
                [
                    [f"`{case.name}`", *(_cell(untold[name].get(case.name)) for name in others)]
                    for case in cases
                ],
            ),
        ]
    return "\n\n".join(parts)


def _beside(found: Mapping[str, Mapping[str, Judged]], titles: Mapping[str, str]) -> list[str]:
    """Where a peer does as well as the hub, or better."""
    peers = [name for name in found if name != "hub"]
    if "hub" not in found or not peers:
        return []
    cases = [case.name for case in WHY if case.name in found["hub"]]
    alike = [
        f"`{case}`" for case in cases if len({found[name][case].verdict for name in ("hub", *peers)}) == 1
    ]
    better = [
        f"`{case}` ({', '.join(titles[name] for name in peers if found[name][case].verdict == 'right')})"
        for case in cases
        if found["hub"][case].verdict != "right"
        and any(found[name][case].verdict == "right" for name in peers)
    ]
    return [
        f"All have the same verdict in {len(alike)} of {len(cases)} cases: {', '.join(alike)}.",
        f"A peer is right where the hub is not: {'; '.join(better) or 'nowhere'}.",
    ]


def cells_of(page: str, column: int) -> dict[str, str]:
    """Case's name -> verdict in that column of the page's table of cases; columns of contenders count from 0."""
    found = {}
    _, _, behind = page.partition(f"| {_HEADS[0]} | {_HEADS[1]} |")
    for line in behind.partition("\n\n")[0].splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| `") and len(cells) > 2 + column:
            match = _CELL.match(cells[2 + column])
            found[cells[0].strip("` ")] = (match[1] or match[2]) if match else ""
    return found


def _counts(judged: Mapping[str, Judged]) -> Counter[str]:
    return Counter(one.verdict for one in judged.values())


def _row(case: Misbehaviour, judged: Sequence[Judged | None]) -> list[str]:
    return [f"`{case.name}`", f"{sentence(case)} {WHY[case]}", *(_cell(one) for one in judged)]


def _cell(judged: Judged | None) -> str:
    return "–" if judged is None else f"{_WORDS[judged.verdict]}: {judged.found}"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])
