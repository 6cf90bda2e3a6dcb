"""What people decide about categories: the category of one demand, and which model of the county decides the others.

A model is trained on demands that people of the county confirmed, and on nothing else. It is kept as plain JSON (weights of words,
read as numbers and never run), with its SHA-256; it decides once somebody says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hub.errors import Code, ConfigError
from hub.pipeline.deps import PipelineDeps
from hub.store import categories, category_models, views
from hub.store.chain import write_audit
from hub.store.engine import Connection
from hub.text.category import CategoryModel
from hub.text.category_catalogue import Catalogue, said_words

MOST_ROWS = 200_000
"""Confirmed demands that are learnt from, the latest first: of these a training takes about 2 GB."""


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A person's decision on one demand.

    Attributes:
        new: False where it stood already.
    """

    demand_no: str
    code: str
    l1: str
    l2: str
    new: bool


@dataclass(frozen=True, slots=True)
class Trained:
    """A model, and how it does on texts that it had not seen.

    Attributes:
        by_category: F1 of each category, by its name.
        rows: Confirmed demands of each category, by its name.
        left_out: Categories with too few confirmed demands, by name with their number: the model never gives them.
        left_to_people: Share of the texts below the margin.
        right_where_decided: Share of right answers among the others.
    """

    model_id: int
    version: str
    macro_f1: float
    by_category: Mapping[str, float]
    rows: Mapping[str, int]
    left_out: Mapping[str, int]
    left_to_people: float
    right_where_decided: float


def confirm(deps: PipelineDeps, number: str, category: str, by: str) -> Confirmed:
    """Writes a person's decision on a demand's category, which no source, word or model overwrites; the rules look at it again.

    Args:
        number: The demand's number or id.
        category: A code or name of the catalogue that stands.
        by: Who decides; kept with the demand and in the audit log.

    Raises:
        NotFound: There is no such demand.
        ConfigError: The catalogue has no such category.
        ValueError: ``by`` says nothing.
    """
    if not by.strip():
        raise ValueError("a decision names the person who takes it")
    now = deps.clock.now()
    with deps.store.begin() as connection:
        catalogue = deps.categories.current(connection).catalogue
        entry = catalogue.named(category)
        if entry is None:
            raise ConfigError(
                f"category {category[:60]!r}: {catalogue.name} has none of that code or name (expected one of `hub category list`); "
                "name one of those, or add it under `categories:` with `hub config apply`",
                code=Code.CONFIG_INVALID,
            )
        found = views.demand_head(connection, number)
        new = categories.confirm(connection, found.demand_id, entry, catalogue.name, by, now)
        if new:
            categories.seen_again(connection, [found.demand_id], now)
            _audit(deps, connection, by, "demand.categorize", f"demand {found.demand_no}", code=entry.code)
    return Confirmed(found.demand_no, entry.code, entry.l1, entry.name, new)


def train(
    deps: PipelineDeps, by: str, *, margin: float = 0.1, folds: int = 5, leave_out: bool = False
) -> Trained:
    """Trains a model on what people confirmed and keeps it; `use` lets it decide.

    Args:
        by: Who answers for it.
        margin: Least margin between the best and the second category to decide without a person.
        folds: Equal texts share a fold, so that no copy answers for its twin.
        leave_out: Train without the categories that have too few confirmed demands.

    Raises:
        ConfigError: scikit-learn is not installed, or too few demands are confirmed; the message says of what.
    """
    with deps.store.begin() as connection:
        catalogue = deps.categories.current(connection).catalogue
        rows = [
            (said_words(title, text), code)
            for title, text, code in category_models.confirmed(connection, MOST_ROWS)
            if code in catalogue.entries
        ]
    rows, few = _enough(rows, catalogue, folds, leave_out=leave_out)
    from hub.text.category_train import evaluate
    from hub.text.category_train import train as learn

    kept = learn(rows, margin=margin)
    found = evaluate(rows, folds=folds, margin=margin)
    counted = Counter(code for _, code in rows)
    model = CategoryModel.from_bytes(kept)  # what cannot be read back is not kept
    evaluation = {
        "folds": folds,
        "by_category": found.by_category,
        "left_to_people": found.left_to_people,
        "right_where_decided": found.right_where_decided,
        "left_out": few,
    }
    with deps.store.begin() as connection:
        model_id = category_models.add(
            connection,
            kept,
            version=model.version,
            author=by,
            now=deps.clock.now(),
            catalogue=catalogue.name,
            categories=counted,
            margin=margin,
            macro_f1=found.macro_f1,
            evaluation=evaluation,
        )
        _audit(deps, connection, by, "model.train", f"category model {model_id}", rows=len(rows))
    return Trained(
        model_id,
        model.version,
        found.macro_f1,
        {_name(catalogue, code): f1 for code, f1 in found.by_category.items()},
        {_name(catalogue, code): number for code, number in counted.most_common()},
        {_name(catalogue, code): number for code, number in few.items()},
        found.left_to_people,
        found.right_where_decided,
    )


def use(deps: PipelineDeps, model_id: int, by: str) -> int | None:
    """Lets a model decide; returns how many stored demands are judged again, None where it decides already.

    Raises:
        NotFound: There is none of that id.
        StateConflict: It is retired.
        HubError: What is stored of it cannot be read (code ``value_unstorable``).
    """
    with deps.store.begin() as connection:
        CategoryModel.from_bytes(category_models.read(connection, model_id))
        waiting = category_models.use(connection, model_id, by, deps.clock.now())
        if waiting is not None:
            _audit(deps, connection, by, "model.use", f"category model {model_id}")
    return waiting


def retire(deps: PipelineDeps, model_id: int, by: str) -> int | None:
    """Takes a model out of use for good; the catalogue's words decide again where it did. As `use`.

    Raises:
        NotFound: There is none of that id.
    """
    with deps.store.begin() as connection:
        before = category_models.shown(connection, model_id)["state"]
        waiting = category_models.retire(connection, model_id, by, deps.clock.now())
        if before != "retired":
            _audit(deps, connection, by, "model.retire", f"category model {model_id}")
    return waiting


def rejudge(deps: PipelineDeps, by: str) -> int:
    """Lets every stored demand that no person decided wait for its category again; how many.

    For after an upgrade that brought another catalogue of the hub's own: a county's catalogue and model do it by themselves.
    """
    with deps.store.begin() as connection:
        categories.alone(connection)
        waiting = categories.all_wait(connection)
        _audit(deps, connection, by, "category.rejudge", "every demand", waiting=waiting)
    return waiting


def _enough(
    rows: Sequence[tuple[str, str]], catalogue: Catalogue, folds: int, *, leave_out: bool
) -> tuple[list[tuple[str, str]], dict[str, int]]:
    """The rows of the categories that have enough different texts, and how many the others have."""
    from hub.text.category_train import LEAST_ROWS

    least = max(LEAST_ROWS, folds)
    counted = Counter(code for _, code in set(rows))
    few = {code: number for code, number in sorted(counted.items()) if number < least}
    told = "、".join(f"{_name(catalogue, code)} {number}" for code, number in list(few.items())[:20])
    if len(counted) - len(few) < 2:
        raise ConfigError(
            f"category model: {len(counted) - len(few)} categories have {least} confirmed demands with different texts (expected two at "
            f"least; {told or 'none is confirmed'}); confirm more with `hub demand categorize`",
            code=Code.CONFIG_INVALID,
        )
    if few and not leave_out:
        raise ConfigError(
            f"category model: too few demands are confirmed of {len(few)} categories (expected {least} with different texts of each: "
            f"{told}); confirm more with `hub demand categorize`, or train without them: --leave-out",
            code=Code.CONFIG_INVALID,
        )
    return [row for row in rows if row[1] not in few], few


def _name(catalogue: Catalogue, code: str) -> str:
    entry = catalogue.entries.get(code)
    return entry.name if entry is not None else code


def _audit(
    deps: PipelineDeps, connection: Connection, by: str, action: str, subject: str, **detail: object
) -> None:
    write_audit(
        connection,
        deps.chain.salted_digest,
        deps.clock.now(),
        actor=by,
        action=action,
        subject=subject,
        detail=detail,
    )
