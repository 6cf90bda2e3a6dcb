"""Categories: how well a model trained on a sheet's rows does on rows it has not seen, and what an answer costs.

``python bench/categories.py SHEET`` takes a sheet without a head whose first column is the text (words, with spaces or
without) and whose second is its category. With ``--words`` the sheet has a head with the columns 留言主题 and 留言详情, and what is
measured is the hub's own catalogue, which decides before the first training. Nothing of it is kept.
"""

from __future__ import annotations

import argparse
import random
import time
from pathlib import Path
from typing import Any

from python_calamine import CalamineWorkbook

from hub.text.category import CategoryModel
from hub.text.category_catalogue import own_catalogue, said_words
from hub.text.category_train import evaluate, train

_TIMED = 1_000


def by_words(table: list[list[Any]], options: argparse.Namespace) -> int:
    """How many messages the catalogue's words decide, and what that costs."""
    title, body = (table[0].index(name) for name in ("留言主题", "留言详情"))
    said = [(str(row[title]).strip(), str(row[body]).strip()) for row in table[1:]]
    texts = [(said_words(*one), one[0]) for one in said]
    catalogue = own_catalogue()
    catalogue.predict(*texts[0])
    before = time.process_time()
    told = [catalogue.predict(*text) for text in texts]
    spent = time.process_time() - before
    decided = sum(one.category is not None for one in told)
    print(f"{catalogue.name}: {decided} of {len(texts)} messages decided ({decided / len(texts):.1%})")
    print(f"{spent / len(texts) * 1_000:.3f} CPU s for 1,000 texts")
    draw = random.Random(options.seed)
    sure = [(head, one) for (_, head), one in zip(texts, told, strict=True) if one.category]
    for head, one in draw.sample(sure, min(options.sample, len(sure))):
        print(f"  {catalogue.entries[one.category or ''].name}  {head[:60]}")
    return 0


def main() -> int:
    """Prints the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sheet", type=Path)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--margin", type=float, default=0.1)
    parser.add_argument("--sample", type=int, default=0, help="with --words: print so many that were decided")
    parser.add_argument("--seed", type=int, default=77)
    parser.add_argument("--words", action="store_true", help="measure the catalogue's words")
    options = parser.parse_args()
    table = CalamineWorkbook.from_path(str(options.sheet)).get_sheet_by_index(0).to_python()
    if options.words:
        return by_words(table, options)
    rows = [(str(row[0]).replace(" ", ""), str(row[1]).strip()) for row in table if str(row[1]).strip()]
    before = time.process_time()
    kept = train(rows, margin=options.margin)
    print(
        f"{len(rows)} rows: trained in {time.process_time() - before:.1f} CPU s, {len(kept) / 1e6:.1f} MB of JSON"
    )
    before = time.process_time()
    model = CategoryModel.from_bytes(kept)
    print(f"read in {time.process_time() - before:.2f} CPU s")
    texts = [text for text, _ in rows[:_TIMED]]
    before = time.process_time()
    for text in texts:
        model.predict(text)
    print(f"{(time.process_time() - before) / len(texts) * 1_000:.3f} CPU s for 1,000 texts")
    found = evaluate(rows, folds=options.folds, margin=options.margin)
    print(f"macro-F1 {found.macro_f1:.4f} over {options.folds} folds grouped by text")
    print(f"left to people {found.left_to_people:.1%}; right where decided {found.right_where_decided:.1%}")
    for category, f1 in found.by_category.items():
        print(f"  {category} {f1:.3f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
