"""`hub report top | season | risk | made`: the lists of study (研判清单), each with its record."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.cli.door import door_of
from hub.model.study import STUDY_TITLES, Study, StudyKind

if TYPE_CHECKING:
    from hub.cli.door import Door

By = Annotated[str, typer.Option("--by", metavar="WHO", help="Who makes the list; kept with its record.")]
Entries = Annotated[int, typer.Option("--limit", min=1, max=1_000, help="At most so many entries.")]
_DAY = "YYYY-MM-DD"
_MEASURES = {"corrections": "补正", "waits": "等待受理（小时）", "bad_ratings": "差评", "overdue": "超期"}
_CONFIDENCE = {"usual": "", "low": "低"}


def register(app: typer.Typer) -> None:
    """Adds the group."""
    group = typer.Typer(no_args_is_help=True)
    group.command("top")(top)
    group.command("season")(season)
    group.command("risk")(risk)
    group.command("made")(made)
    app.add_typer(group, name="report", help="Lists of study 研判清单: top, season, risk, made.")


def top(
    ctx: typer.Context,
    week: Annotated[
        str | None,
        typer.Option("--week", metavar=_DAY, help="A day of the week; default the last whole week."),
    ] = None,
    limit: Entries = 20,
    by: By = "hub report",
) -> None:
    """咨询建议高频事项: the service items of which most was asked and suggested in a week, and how that has changed."""
    door = door_of(ctx)
    from hub.cli import out
    from hub.pipeline import studies

    day = _day(week, "--week")
    with door.rows() as (hub, connection):
        study = studies.top(connection, hub.clock.now(), by=by, week=day, limit=limit)

    def tell() -> None:
        _head(study, "No service item was asked about in that week.")
        if study.entries:
            out.table(
                ["名次", "事项", "本周", "上周", "基线", "上限", "变化"],
                [
                    (one["rank"], one["name"], one["observed"], one["last_week"], _number(one["expected"]), _number(one["upper"]), _share(one["change"]))
                    for one in study.entries
                ],
                right=["名次", "本周", "上周", "基线", "上限", "变化"],
            )  # fmt: skip

    _answer(door, study, tell)


def season(
    ctx: typer.Context,
    month: Annotated[
        str | None, typer.Option("--month", metavar="YYYY-MM", help="The month forecast; default next month.")
    ] = None,
    limit: Entries = 20,
    by: By = "hub report",
) -> None:
    """民情月历: what a month is expected to bring of cases by service item, and of demands by category."""
    door = door_of(ctx)
    from hub.cli import out
    from hub.pipeline import studies

    day = _day(f"{month}-01" if month is not None else None, "--month")
    with door.rows() as (hub, connection):
        study = studies.season(connection, hub.clock.now(), by=by, month=day, limit=limit)

    def tell() -> None:
        _head(study, "There is no former year to forecast that month by.")
        for subject, title in (("case_item", "办件事项"), ("category", "诉求类别")):
            rows = [one for one in study.entries if one["subject"] == subject]
            if rows:
                out.table(
                    [title, "预计", "范围", "月均", "倍数", "去年同月", "年数", "置信度"],
                    [
                        (one["name"], f"{one['expected']:.0f}", f"{one['lower']:.0f}–{one['upper']:.0f}", _number(one["monthly_mean"]), _number(one["ratio"]), one["last_year"], one["years"], _CONFIDENCE.get(one["confidence"], one["confidence"]))
                        for one in rows
                    ],
                    right=["预计", "范围", "月均", "倍数", "去年同月", "年数"],
                )  # fmt: skip

    _answer(door, study, tell)


def risk(
    ctx: typer.Context,
    until: Annotated[
        str | None,
        typer.Option("--until", metavar=_DAY, help="The day after the 30 days looked at; default today."),
    ] = None,
    limit: Entries = 50,
    by: By = "hub report",
) -> None:
    """可能引发投诉事项: items and windows where corrections, waits, bad ratings or overdue cases rise."""
    door = door_of(ctx)
    from hub.cli import out
    from hub.pipeline import studies

    day = _day(until, "--until")
    with door.rows() as (hub, connection):
        study = studies.risk(connection, hub.clock.now(), by=by, until=day, limit=limit)

    def tell() -> None:
        _head(study, "Nothing rises in those 30 days.")
        if study.entries:
            out.table(
                ["对象", "名称", "指标", "近30日", "基线", "上限"],
                [
                    ("事项" if one["subject"] == "item" else "窗口", one["name"], _MEASURES[name], _number(rise["observed"]), _number(rise["expected"]), _number(rise["upper"]))
                    for one in study.entries
                    for name, rise in one["measures"].items()
                ],
                right=["近30日", "基线", "上限"],
            )  # fmt: skip

    _answer(door, study, tell)


def made(
    ctx: typer.Context,
    kind: Annotated[StudyKind, typer.Argument(help="Which list.")],
    limit: Entries = 20,
) -> None:
    """The lists of one kind that were made, newest first; the empty ones as well."""
    door = door_of(ctx)
    from hub.cli import out
    from hub.pipeline import studies

    with door.rows() as (_, connection):
        found = studies.latest(connection, kind, limit)

    def tell() -> None:
        if not found:
            out.say(f"No list {STUDY_TITLES[kind]} was made yet: `hub report {kind.value}` makes one.")
            return
        out.table(
            ["no", "period", "made at", "by", "entries"],
            [(one.study_id, one.period, one.made_at, one.made_by, len(one.entries)) for one in found],
            right=["no", "entries"],
            whole=["period"],
        )

    door.answer({"studies": [one.model_dump(mode="json") for one in found]}, tell)


def _answer(door: Door, study: Study, tell: Any) -> None:
    document: Mapping[str, Any] = study.model_dump(mode="json")
    door.answer(document, tell)


def _head(study: Study, empty: str) -> None:
    from hub.cli import out

    out.say(f"{study.title} {study.period}（第{study.study_id}号）")
    for note in study.notes:
        out.say(note)
    if not study.entries:
        out.say(empty)


def _day(value: str | None, option: str) -> date | None:
    if value is None:
        return None
    try:
        found = date.fromisoformat(value)
    except ValueError:
        raise typer.BadParameter(
            f"{option}: {value!r} is no date (expected a day such as 2026-11-16, a month such as 2026-12)"
        ) from None
    if not 1900 <= found.year <= 9000:
        raise typer.BadParameter(
            f"{option}: the year {found.year} is none that is counted (expected 1900 to 9000)"
        )
    return found


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}".removesuffix(".0")


def _share(value: float | None) -> str:
    return "新" if value is None else f"{value:+.0%}"
