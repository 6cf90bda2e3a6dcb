"""Places found in what the simulated county says, judged against where it happened; and what looking for one costs.

``python bench/places.py`` generates voices of a county on a seed of its own and asks the gazetteer three times: with all that the
channel hands over (address and region code, where it has them), with the words and the town's code, and with the words alone. Of those
whose words or address name the place at all it prints recall (found and right), how many stay open, and precision (right among
found). ``--texts SHEET`` measures the cost on real messages too (a sheet whose columns are named as in 附件4: 留言主题, 留言详情), with
a gazetteer as large as ``--size`` says.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from pathlib import Path

from hub.county.gazetteer import gazetteer, place_id
from hub.county.render.forms import untidy
from hub.county.world.places import Places
from hub.county.world.voices import Voice
from hub.county.world.world import Scale, World
from hub.model.place import PlaceEntry, PlaceKind, RegionEntry
from hub.sdk.values import plain_text
from hub.text.places import Gazetteer, Outcome, Placed

WAYS = ("as_sent", "words_and_town", "words")
# Channels that hand over an address and a region; the others know the words alone.
_WITH_ADDRESS = ("hotline", "portal", "app")


@dataclass
class Judged:
    """How one way of asking did."""

    named: int = 0  # voices whose words (or address) name the place
    right: int = 0
    wrong: int = 0
    open: int = 0
    open_holds_it: int = 0
    invented: int = 0  # found although nothing names it
    cpu_s: float = 0.0
    asked: int = 0
    wrongs: list[str] = field(default_factory=list)

    def figures(self) -> dict[str, float | int]:
        found = self.right + self.wrong + self.invented
        return {
            "asked": self.asked,
            "name_the_place": self.named,
            "recall": round(self.right / max(1, self.named), 4),
            "open": round(self.open / max(1, self.named), 4),
            "open_holds_the_place": round(self.open_holds_it / max(1, self.open), 4),
            "precision": round(self.right / max(1, found), 4),
            "found_where_nothing_names_it": self.invented,
            "cpu_us_each": round(1e6 * self.cpu_s / max(1, self.asked), 1),
        }


def voices(seed: int, count: int) -> Iterator[Voice]:
    """First states of usable voices, in the order in which sources hear of them."""
    seen: set[str] = set()
    for one in World(seed, date(2026, 3, 2), 365, Scale(demands_a_day=120, cases_a_day=0)).stream():
        if isinstance(one, Voice) and one.flaw is None and one.number not in seen:
            seen.add(one.number)
            yield one
            if len(seen) >= count:
                return


def ask(known: Gazetteer, voice: Voice, way: str) -> Placed:
    """The place as this way of asking finds it."""
    text = plain_text(untidy(voice))
    if way == "words":
        return known.find(text=text, title=voice.title)
    if way == "words_and_town":
        return known.find(text=text, title=voice.title, region_code=voice.place.code[:9])
    if voice.channel in _WITH_ADDRESS:
        return known.find(
            text=text, title=voice.title, address=voice.place.address, region_code=voice.place.code
        )
    return known.find(text=text, title=voice.title)


def judge(judged: Judged, voice: Voice, placed: Placed, way: str) -> None:
    """Compares with where it happened."""
    here = place_id(voice.place)
    has_address = way == "as_sent" and voice.channel in _WITH_ADDRESS
    names_it = has_address or voice.place.name in voice.title + voice.words
    judged.named += names_it
    if placed.outcome is Outcome.FOUND:
        if placed.place_id == here:
            judged.right += 1
        elif names_it:
            judged.wrong += 1
            judged.wrongs.append(
                f"{voice.place.town}{voice.place.name} read as {placed.place_id} {placed.name}: {voice.title}"
            )
        else:
            judged.invented += 1
    elif names_it and placed.outcome is Outcome.OPEN:
        judged.open += 1
        judged.open_holds_it += here in placed.candidates


def measure(seed: int, count: int) -> tuple[dict[str, Judged], Gazetteer]:
    """All three ways over the same voices."""
    document = gazetteer(Places(seed))
    known = Gazetteer(
        [RegionEntry.model_validate(one) for one in document["regions"]],
        [PlaceEntry.model_validate(one) for one in document["places"]],
    )
    said = list(voices(seed, count))
    found = {way: Judged() for way in WAYS}
    for way, judged in found.items():
        for voice in said:
            started = time.process_time()
            placed = ask(known, voice, way)
            judged.cpu_s += time.process_time() - started
            judged.asked += 1
            judge(judged, voice, placed, way)
    return found, known


def large(size: int, seed: int) -> Gazetteer:
    """A gazetteer of so many made-up names: what a large county's would cost."""
    rng = random.Random(seed)
    chars = "安宝北昌春大德东丰福高光广国海和宏华惠吉江金锦景军康乐利林龙美明南宁平庆荣瑞山胜石双水顺松太天通万文西祥新兴秀阳永玉元云兆振中竹"
    ends = {"village": "村", "estate": "花园", "road": "路", "school": "小学", "enterprise": "有限公司"}
    places = []
    for number in range(size):
        kind = rng.choice(tuple(ends))
        name = "".join(rng.choices(chars, k=rng.choice((2, 3, 4)))) + ends[kind]
        places.append(
            PlaceEntry(
                id=f"x{number}",
                name=name,
                kind=PlaceKind(kind),
                region_code=f"411521{rng.randrange(1, 30):03d}{rng.randrange(1, 400):03d}",
            )
        )
    return Gazetteer((), places)


def texts_of(sheet: Path) -> list[tuple[str, str]]:
    """(title, text) of each row; needs openpyxl (extra `test`)."""
    from openpyxl import load_workbook

    rows = load_workbook(sheet, read_only=True).active.iter_rows(values_only=True)
    head = [str(cell) for cell in next(rows)]
    title, text = head.index("留言主题"), head.index("留言详情")
    return [(str(row[title] or ""), plain_text(str(row[text] or ""))) for row in rows]


def cost(known: Gazetteer, texts: Sequence[tuple[str, str]]) -> dict[str, float | int]:
    """CPU for each text, and how many name a place."""
    outcomes: Counter[str] = Counter()
    started = time.process_time()
    for title, text in texts:
        outcomes[known.find(text=text, title=title).outcome.value] += 1
    spent = time.process_time() - started
    return {
        "texts": len(texts),
        "cpu_us_each": round(1e6 * spent / max(1, len(texts)), 1),
        "median_length": sorted(len(text) for _, text in texts)[len(texts) // 2],
        **outcomes,
    }


def main(argv: list[str]) -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=20261126)
    parser.add_argument("--count", type=int, default=10_000, help="voices of the county")
    parser.add_argument("--size", type=int, default=50_000, help="names of the large gazetteer")
    parser.add_argument("--texts", type=Path, help="a sheet of real messages")
    parser.add_argument("--wrong", type=int, default=0, help="show so many that were read wrongly")
    options = parser.parse_args(argv)
    judged, small = measure(options.seed, options.count)
    document: dict[str, object] = {way: one.figures() for way, one in judged.items()}
    if options.texts is not None:
        texts = texts_of(options.texts)
        document["texts_small_gazetteer"] = cost(small, texts)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        started = time.process_time()
        big = large(options.size, options.seed)
        document["large_gazetteer"] = {
            "names": options.size,
            "build_cpu_s": round(time.process_time() - started, 2),
            "peak_mb_more": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024,
        }
        document["texts_large_gazetteer"] = cost(big, texts)
    print(json.dumps(document, ensure_ascii=False, indent=2))
    for way, one in judged.items():
        for line in islice(one.wrongs, options.wrong):
            print(f"{way}: {line}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
