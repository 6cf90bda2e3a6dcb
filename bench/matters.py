"""Same matter: what grouping costs a text and what it joins, on messages that are read from a sheet and never kept.

``python bench/matters.py SHEET`` takes a sheet with the columns 留言编号 留言用户 留言主题 留言详情. It groups the messages in their order
and in others, then goes on with messages put together from their clauses until ``--sizes`` are stored, and prints CPU ms a
text at each size, of this process alone. ``--stored`` lets the hub's own step do it on a PostgreSQL of its own instead, and counts
the CPU of both; ``--more SHEET`` adds texts to be stored beside (first column, words that spaces may part). ``--pairs FILE`` writes joined pairs, drawn with ``--seed``, for somebody to read; ``--issues FILE`` (CSV: 留言编号, issue) prints B-cubed figures.
"""

from __future__ import annotations

import argparse
import csv
import random
import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, islice
from pathlib import Path
from statistics import median
from typing import NamedTuple

from python_calamine import CalamineWorkbook

from hub.text.matter import Outcome
from hub.text.matter_memory import MemoryGrouping
from hub.text.matter_words import BODY_CHARS, TITLE_CHARS

_CLAUSE = re.compile(r"[^，。！？；\n]+[，。！？；\n]*")
_WINDOW = 500
_PARTS = 4


class Message(NamedTuple):
    """One row of the sheet."""

    no: str
    user: str
    title: str
    body: str


def main() -> int:
    """Prints the figures; the pairs go to a file."""
    options = _options()
    messages = read_sheet(options.sheet)
    if options.stored:
        cost_stored(messages, read_more(options.more) if options.more else [], options.sizes)
        return 0
    in_order = grouped(messages)
    outcomes = Counter(decision.outcome.value for decision in in_order.decisions.values())
    sizes = Counter(Counter(in_order.matters.values()).values())
    print(f"{len(messages)} messages: {dict(outcomes)}; matters by size {dict(sorted(sizes.items()))}")
    print(f"word models made: {len(in_order.models) - 1}")
    for seed in range(1, options.orders + 1):
        shuffled = random.Random(seed).sample(messages, len(messages))
        agreement = agreed(in_order.matters, grouped(shuffled).matters)
        print(f"order {seed}: pairs agree with the sheet's order, F {agreement:.3f}")
    if options.issues:
        print(
            "B-cubed precision {:.3f} recall {:.3f} F {:.3f}".format(
                *judged(in_order.matters, options.issues)
            )
        )
    if options.pairs:
        written = write_pairs(options.pairs, messages, in_order, options.sample, options.seed)
        print(f"{written} joined pairs written, drawn with seed {options.seed}")
    cost_at(messages, options.sizes)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sheet", type=Path)
    parser.add_argument("--sizes", type=int, nargs="*", default=[1_000, 4_000, 16_000])
    parser.add_argument("--stored", action="store_true")
    parser.add_argument("--more", type=Path)
    parser.add_argument("--orders", type=int, default=2)
    parser.add_argument("--issues", type=Path)
    parser.add_argument("--pairs", type=Path)
    parser.add_argument("--sample", type=int, default=60)
    parser.add_argument("--seed", type=int, default=20261126)
    return parser.parse_args()


def read_sheet(sheet: Path) -> list[Message]:
    """The rows of the first sheet, by the names of their columns."""
    rows = CalamineWorkbook.from_path(str(sheet)).get_sheet_by_index(0).to_python()
    head = [str(cell) for cell in rows[0]]
    at = [head.index(name) for name in ("留言编号", "留言用户", "留言主题", "留言详情")]
    return [Message(*(str(row[column]).strip() for column in at)) for row in rows[1:]]


def read_more(sheet: Path) -> list[tuple[str, str]]:
    """Title and body of each row: its first eight words, and all of them."""
    rows = CalamineWorkbook.from_path(str(sheet)).get_sheet_by_index(0).to_python()
    said = [str(row[0]).split() for row in rows]
    return [("".join(words[:8]), "".join(words)) for words in said if words]


def grouped(messages: Sequence[Message]) -> MemoryGrouping:
    """The messages, grouped one after another."""
    grouping = MemoryGrouping()
    for message in messages:
        grouping.add(message.no, message.title, message.body)
    return grouping


def agreed(some: Mapping[str, str], others: Mapping[str, str]) -> float:
    """F of the pairs that two groupings join."""
    first, second = _pairs(some), _pairs(others)
    return 2 * len(first & second) / max(1, len(first) + len(second))


def _pairs(matters: Mapping[str, str]) -> set[tuple[str, str]]:
    members: dict[str, list[str]] = defaultdict(list)
    for no, matter in matters.items():
        members[matter].append(no)
    return {pair for nos in members.values() for pair in combinations(sorted(nos), 2)}


def judged(matters: Mapping[str, str], issues: Path) -> tuple[float, float, float]:
    """B-cubed precision, recall and F over the messages that the file gives an issue; others joined to them are wrong."""
    with issues.open(encoding="utf-8-sig", newline="") as lines:
        truth = {row[0].strip(): row[1].strip() for row in csv.reader(lines) if len(row) > 1}
    truth = {no: issue for no, issue in truth.items() if no in matters}
    sizes, issue_sizes = Counter(matters.values()), Counter(truth.values())
    both = Counter((matters[no], issue) for no, issue in truth.items())
    precision = sum(both[matters[no], issue] / sizes[matters[no]] for no, issue in truth.items()) / len(truth)
    recall = sum(both[matters[no], issue] / issue_sizes[issue] for no, issue in truth.items()) / len(truth)
    return precision, recall, 2 * precision * recall / (precision + recall)


def write_pairs(
    target: Path, messages: Sequence[Message], grouping: MemoryGrouping, most: int, seed: int
) -> int:
    """A sample of the joins, each with the member that was nearest; messages of two users with two bodies first.

    A message sent twice is no question: pairs of one user or one body are left out.
    """
    by_no = {message.no: message for message in messages}
    joins = []
    for no, decision in grouping.decisions.items():
        if decision.outcome is Outcome.JOIN:
            nearest = decision.nearest[0]
            one, other = by_no[no], by_no[nearest.demand_id]
            if one.user != other.user and re.sub(r"\s", "", one.body) != re.sub(r"\s", "", other.body):
                joins.append((decision, one, other))
    drawn = random.Random(seed).sample(joins, min(most, len(joins)))
    with target.open("w", encoding="utf-8-sig", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(
            ("score", "names", "words", "about", "whole", "shared", "title", "body", "title 2", "body 2")
        )
        for decision, one, other in drawn:
            figures = [f"{figure:.2f}" for figure in (decision.score, *decision.nearest[0].likeness[:4])]
            shared = " ".join(decision.shared_words)
            writer.writerow((*figures, shared, one.title, one.body[:300], other.title, other.body[:300]))
    return len(drawn)


def cost_at(messages: Sequence[Message], sizes: Sequence[int]) -> None:
    """Prints CPU ms a text over the 500 texts before each size."""
    grouping = MemoryGrouping()
    endless = _endless(messages)
    stored = 0
    print(f"{'stored':>8} {'CPU ms a text':>14}")
    for size in sorted(sizes):
        while stored < size - _WINDOW:
            grouping.add(*next(endless))
            stored += 1
        window = [next(endless) for _ in range(size - stored)]
        before = time.process_time()
        for text in window:
            grouping.add(*text)
        print(f"{size:>8} {(time.process_time() - before) / len(window) * 1e3:>14.2f}")
        stored = size


def cost_stored(messages: Sequence[Message], more: Sequence[tuple[str, str]], sizes: Sequence[int]) -> None:
    """Prints CPU ms a text of the hub's step and of its PostgreSQL, over real messages that come when so many are stored.

    They come in pages of 500, the last 100 of them one by one; of four pages the median is printed beside the least. The last
    column is a yardstick, cutting the same texts with rjieba and no more: CPU time is no fixed measure where others are at work on the
    machine.
    """
    from matters_stored import stored

    draw = random.Random(3)
    real = [(message.title, message.body) for message in messages]
    draw.shuffle(real)
    windows = [real[at : at + _WINDOW] for at in range(0, _PARTS * _WINDOW, _WINDOW)]
    single = real[_PARTS * _WINDOW :][:100]
    others = [*real[_PARTS * _WINDOW + len(single) :], *more]
    known = [Message(str(at), "", title, body) for at, (title, body) in enumerate(others)]
    mixed = ((title, body) for _, title, body in islice(_endless(known), len(known), None))
    print(f"{len(others)} real texts are stored first, then such as are put together from their clauses")
    print(
        f"{'stored':>8} {'at once':>8} {'this process':>13} {'PostgreSQL':>11} {'CPU ms a text':>14} {'least':>6} {'cut alone':>10}"
    )
    for size in sorted(sizes):
        with stored() as hub:
            fill = [*others[:size], *islice(mixed, max(0, size - len(others)))]
            draw.shuffle(fill)
            hub.add(fill, at_once=_WINDOW)
            hub.group()
            costs, cuts = [], []
            for window in windows:
                cuts.append(cut_alone(window))
                costs.append(hub.measured(window, at_once=_WINDOW))
            singles = [[hub.measured([one], at_once=1) for one in single]]
            for measured in (costs, *singles):
                client = median(one.client_ms for one in measured)
                # The server's clock ticks in hundredths of a second: single texts are summed up.
                server = sum(one.postgres_ms for one in measured) / len(measured)
                least = min(one.client_ms for one in measured) + server
                at_once = measured[0].at_once
                print(
                    f"{size:>8} {at_once:>8} {client:>13.2f} {server:>11.2f} {client + server:>14.2f} {least:>6.2f} "
                    f"{median(cuts):>10.3f}"
                )
            print(f"{'':>8} {hub.kept()}")


def cut_alone(texts: Sequence[tuple[str, str]]) -> float:
    """CPU ms a text of cutting what the grouping reads of it."""
    import rjieba

    before = time.process_time()
    for title, body in texts:
        rjieba.tag(title[:TITLE_CHARS])
        rjieba.tag(body[:BODY_CHARS])
    return (time.process_time() - before) / len(texts) * 1e3


def _endless(messages: Sequence[Message]) -> Iterator[tuple[str, str, str]]:
    """The messages, then others put together from their clauses: a third of each from elsewhere."""
    for message in messages:
        yield message.no, message.title, message.body
    draw = random.Random(7)
    number = 0
    while True:
        one, other = draw.choice(messages), draw.choice(messages)
        clauses, others = _CLAUSE.findall(one.body), _CLAUSE.findall(other.body) or [""]
        mixed = "".join(clause if draw.random() < 0.67 else draw.choice(others) for clause in clauses)
        number += 1
        yield f"mixed-{number}", draw.choice((one.title, other.title)), mixed


if __name__ == "__main__":
    raise SystemExit(main())
