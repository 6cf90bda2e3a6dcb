"""Category: decides what each demand is about, before the rules see it; and again when catalogue or model changes.

Part of evaluate, as the place is. A source's own category counts where the catalogue knows it; what it does not know stays as the
source said it, and is shown as unmapped. Without one, the county's model decides, before the first training the catalogue's words;
what neither is sure of waits for a person. A person's decision is never overwritten.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import TYPE_CHECKING

from hub.store import categories, category_models, landing
from hub.store.categories import Category, Said, Standing
from hub.store.engine import Connection
from hub.text.category import CategoryModel
from hub.text.category_catalogue import Catalogue, own_catalogue, said_words

if TYPE_CHECKING:
    from hub.pipeline.deps import PipelineDeps

SOURCE, CATALOGUE, MODEL, PERSON = "source", "catalogue", "model", "person"


@dataclass(frozen=True, slots=True)
class Judge:
    """What decides: a catalogue, and the model in use, by name."""

    catalogue: Catalogue
    model: CategoryModel | None = None
    model_name: str = ""

    def decide(self, one: Said) -> Category:
        """The category of a demand that no person has decided."""
        if one.category is not None and one.category.strip():
            return self._as_said(one.category)
        words = said_words(one.title, one.text)
        if self.model is not None:
            by, version, told = MODEL, self.model_name, self.model.predict(words)
        else:
            by, version, told = CATALOGUE, self.catalogue.name, self.catalogue.predict(words, one.title)
        entry = self.catalogue.entries.get(told.category or "")
        if entry is None:
            # What a model learnt that has left the catalogue is no suggestion either.
            likely = told.likeliest if told.likeliest in self.catalogue.entries else None
            return Category(None, None, None, likely, told.margin, by, version)
        return Category(entry.code, entry.l1, entry.name, None, told.margin, by, version)

    def reasons(self, words: str, decided: Category) -> tuple[str, ...]:
        """The words that spoke for a decision, or for what is likeliest; none where the source said it."""
        code = decided.code or decided.suggested
        if code is None or decided.decided_by in (SOURCE, PERSON):
            return ()
        return (self.model or self.catalogue).reasons(words, code)

    def _as_said(self, said: str) -> Category:
        meant = self.catalogue.meant(said)
        if meant is None:
            return Category(None, None, None, None, None, SOURCE, self.catalogue.name)
        entry = meant.entry
        code, l2 = (entry.code, entry.name) if entry is not None else (None, None)
        return Category(code, meant.l1, l2, None, None, SOURCE, self.catalogue.name)


@dataclass(slots=True)
class CategoryBook:
    """The catalogue and model of this process, read again when others stand; one for all its threads."""

    _standing: Standing | None = None
    _judge: Judge | None = None
    _lock: Lock = field(default_factory=Lock)

    def current(self, connection: Connection) -> Judge:
        """What decides now, and until the connection's transaction ends."""
        standing = categories.standing(connection)
        with self._lock:
            if self._judge is None or standing != self._standing:
                self._judge = _read(connection, standing)
                self._standing = standing
            return self._judge


def _read(connection: Connection, standing: Standing) -> Judge:
    if standing.catalogue == 0:
        catalogue = own_catalogue()
    else:
        catalogue = Catalogue(categories.load(connection, standing.catalogue), str(standing.catalogue))
    if standing.model_id is None:
        return Judge(catalogue)
    kept = category_models.read(connection, standing.model_id)
    model = CategoryModel.from_bytes(kept)
    return Judge(catalogue, model, f"model {standing.model_id} {model.version[:12]}")


def settle(
    deps: PipelineDeps,
    connection: Connection,
    demand_ids: Sequence[str],
    now: datetime,
    *,
    again: bool = False,
) -> list[str]:
    """Decides on these demands anew; returns those of which rules will see another category.

    Args:
        again: Rules may have seen them already.
    """
    judge = deps.categories.current(connection)
    stood = categories.take(connection, demand_ids)
    # Read after the rows are held: the category of a newer text is never overwritten by that of an older.
    judged = {
        one.demand_id: judge.decide(one)
        for one in categories.said(connection, demand_ids)
        if one.demand_id not in stood or stood[one.demand_id].decided_by != PERSON
    }
    return categories.write(connection, judged, stood, now, seen=again)


def rework(deps: PipelineDeps) -> int | None:
    """One row of what waits for a new catalogue or model, in a transaction of its own; what changes waits for the rules again.

    Returns:
        How many categories changed; None when nothing is due.
    """
    now = deps.clock.now()
    with deps.store.begin() as connection:
        claimed = categories.claim(connection, now)
        if claimed is None:
            return None
        work_id, demand_ids = claimed
        changed = settle(deps, connection, demand_ids, now, again=True)
        if changed:
            landing.push_evaluate_work(connection, changed, now)
        categories.done(connection, work_id)
        return len(changed)
