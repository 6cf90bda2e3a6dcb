"""`hub score month | show | waiting | table`: scores 考核得分 of organisations and posts. What people do about them: `hub.cli.score_acts`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.cli import score_acts as acts
from hub.cli.door import door_of

if TYPE_CHECKING:
    from hub.model.score import Score
    from hub.pipeline.score_month import HolderScore, ShownMonth

Month = Annotated[str, typer.Argument(metavar="YYYY-MM", help="The county's month.")]
Organisation = Annotated[
    str | None,
    typer.Option(
        "--organisation", metavar="CODE", help="Only this organisation, by its code, name or alias."
    ),
]


def register(app: typer.Typer) -> None:
    """Adds the group."""
    group = typer.Typer(no_args_is_help=True)
    group.command("month")(month_of_all)
    group.command("show")(show)
    group.command("waiting")(waiting)
    group.command("table")(table)
    group.command("verdict")(acts.verdict)
    group.command("adjust")(acts.adjust)
    group.command("notify")(acts.notify)
    group.command("appeal")(acts.appeal)
    group.command("decide")(acts.decide)
    group.command("freeze")(acts.freeze)
    app.add_typer(
        group, name="score", help="Scores 考核得分 of organisations and posts: only verified breaches deduct."
    )


def month_of_all(
    ctx: typer.Context,
    month: Month,
    organisation: Organisation = None,
    post: Annotated[str | None, typer.Option("--post", metavar="NAME", help="Only this post 岗位.")] = None,
    posts: Annotated[bool, typer.Option("--posts", help="Posts too, not organisations alone.")] = False,
) -> None:
    """List both scores of a month, each with its band 分档; by code, for this is no league table.

    Shown are organisations that had cases, orders, breaches or changes in the month.
    """
    door = door_of(ctx)
    from hub.cli import out

    shown, held = _read(ctx, month, organisation)
    if post is not None:
        held = [one for one in held if one.post == post]
    elif not posts:
        held = [one for one in held if one.post is None]

    def tell() -> None:
        if not held:
            narrowed = organisation or post
            out.say(
                "No organisation or post fits."
                if narrowed
                else f"Nothing to score in {month}: no case, order, breach or change by hand."
            )
        else:
            out.table(
                ["organisation", "post", "cases", "indicators 监察指标", "time limits 时限流程"],
                [
                    (f"{one.organisation} {one.organisation_name}", one.post or "–", one.volume.cases, *(_cell(score) for score in one.scores))
                    for one in held
                ],
                right=["cases"],
            )  # fmt: skip
        _tell_state(shown)

    door.answer({**_head(shown), "holders": [one.model_dump(mode="json") for one in held]}, tell)


def show(
    ctx: typer.Context,
    month: Month,
    organisation: Annotated[str, typer.Argument(metavar="CODE", help="Code, name or alias.")],
    post: Annotated[str | None, typer.Option("--post", metavar="NAME", help="One of its posts 岗位.")] = None,
) -> None:
    """Show on what grounds 扣分依据 both scores stand: every breach, what it deducted and why not more, and changes by hand."""
    door = door_of(ctx)
    from hub.cli import out
    from hub.errors import Code, NotFound

    shown, held = _read(ctx, month, organisation)
    held = [one for one in held if one.post == post]
    if not held:
        raise NotFound(
            f"score {month} of {organisation!r}{f', post {post!r}' if post else ''}: not found (expected one of `hub score month {month} "
            "--posts`): it had no case, order, breach or change by hand; check the name",
            code=Code.NOT_FOUND,
        )
    (one,) = held

    def tell() -> None:
        out.fields(
            [
                ("organisation", f"{one.organisation} {one.organisation_name}"),
                ("post 岗位", one.post),
                ("cases 办件", one.volume.cases),
                ("orders 交办单", one.volume.orders if one.post is None else None),
            ]
        )
        for score in one.scores:
            out.say()
            _tell_score(score)
        _tell_state(shown)

    door.answer({**_head(shown), "holder": one.model_dump(mode="json")}, tell)


def waiting(ctx: typer.Context, month: Month) -> None:
    """List breaches of the month that nobody has judged yet (待核实), by time; and cards that rose after they were verified."""
    door = door_of(ctx)
    from hub.cli import out, words
    from hub.model.score import month_span
    from hub.pipeline import score_month
    from hub.store import score_facts

    acts.check_month(month)
    with door.rows() as (_, connection):
        found = score_month.unjudged(connection, month)
        risen = score_facts.risen(connection, *month_span(month))

    def tell() -> None:
        if not found and not risen:
            out.say(f"No breach of {month} waits for a verdict.")
        if found:
            out.table(
                ["warning", "rule", "level", "occurred", "organisation", "cases"],
                [
                    (one.warning_no, one.rule_id, words.level(one.level, subject="case", rule_id=one.rule_id), one.occurred_at,
                     one.organisation, "、".join(one.case_nos))
                    for one in found
                ],
                whole=["warning", "level"],
            )  # fmt: skip
        for row in risen:
            out.say(
                f"{row['warning_no']}: level {row['verified']} was verified, it stands at {row['level']}; verify it again to deduct as such."
            )

    door.answer({"waiting": found, "risen": risen}, tell)


def table(ctx: typer.Context, month: Month) -> None:
    """Show the deduction table 扣分标准 that holds for a month, and every version of it."""
    door = door_of(ctx)
    from hub.cli import out, words
    from hub.store import scores

    acts.check_month(month)
    with door.rows() as (_, connection):
        version, holds = scores.table_of(connection, month)
        versions = scores.table_versions(connection)

    def tell() -> None:
        out.table(
            ["rule", "score", "cause", "提醒", "黄牌", "红牌", "per", "cap"],
            [
                (rule.rule_id, words.short(words.SCORES, rule.kind), rule.cause, f"{rule.notice.normalize():f}", f"{rule.yellow.normalize():f}",
                 f"{rule.red.normalize():f}", _per(rule.per.value, holds.least_cases), f"{holds.cap_of(rule).normalize():f}")
                for rule in holds.rules
            ],
            right=["提醒", "黄牌", "红牌", "cap"],
        )  # fmt: skip
        bands = "、".join(f"{band.name} ≥{band.least.normalize():f}" for band in holds.bands)
        out.say(f"Version {version}{'' if version else ' (the hub’s own)'}. Bands 分档: {bands}.")
        for one in versions:
            out.say(
                f"version {one['version']}, from {one['from_month']}, by {one['author']} {out.moment(one['applied_at'])}: {one['reason']}"
            )

    door.answer({"version": version, "table": holds.model_dump(mode="json"), "versions": versions}, tell)


def _per(unit: str, least: int) -> str:
    return "–" if unit == "none" else f"{least} {unit}"


def _read(ctx: typer.Context, month: str, organisation: str | None) -> tuple[ShownMonth, list[HolderScore]]:
    door = door_of(ctx)
    from hub.pipeline import score_month

    acts.check_month(month)
    with door.rows() as (_, connection):
        shown = score_month.shown(connection, month)
        codes = score_month.Directory.read(connection).codes
    code = codes.get(organisation, organisation) if organisation is not None else None
    return shown, [one for one in shown.scores.holders if code in (None, one.organisation)]


def _head(shown: ShownMonth) -> dict[str, Any]:
    return {
        "month": shown.scores.month,
        "table_version": shown.scores.table_version,
        "frozen_at": shown.frozen_at,
        "frozen_by": shown.frozen_by,
        "digest": shown.digest,
        "intact": shown.intact,
        "waiting": shown.waiting,
        "after_freeze": [one.model_dump(mode="json") for one in shown.later],
    }


def _cell(score: Score) -> str:
    return f"{score.score} {score.band}{' *' if score.manual else ''}"


def _tell_score(score: Score) -> None:
    from hub.cli import out, words

    out.say(
        f"{words.word(words.SCORES, score.kind)}: {score.score} {score.band}"
        + (f" (computed {score.computed}, by hand {score.manual:+})" if score.manual else "")
    )
    if not score.lines and not score.changes:
        out.say("No breach, no change by hand.")
    if score.lines:
        out.table(
            ["warning", "occurred", "cases", "deducted", "扣分依据"],
            [
                (line.warning_no, out.moment(line.occurred_at)[5:], "、".join(line.case_nos) or "–",
                 f"{line.deducted.normalize():f} of {line.points.normalize():f}",
                 f"{line.rule_id} v{line.rule_version} {words.level(line.level, subject='case', rule_id=line.rule_id)}：{_why(line)}")
                for line in score.lines
            ],
            right=["deducted"],
            whole=["warning", "occurred"],
        )  # fmt: skip
    for change in score.changes:
        made_good = f", corrects {change.corrects}" if change.corrects else ""
        out.say(
            f"by hand {change.points:+} {out.moment(change.at)} by {change.by}: {change.reason}{made_good}"
        )


def _why(line: Any) -> str:
    from hub.cli import words

    said = words.short(words.DEDUCTIONS, line.why)
    return f"{said}（{words.short(words.EXCUSES, line.excuse)}）" if line.excuse else said


def _tell_state(shown: ShownMonth) -> None:
    from hub.cli import out, words

    month = shown.scores.month
    if shown.frozen_at is not None:
        out.say(
            f"已冻结 frozen {out.moment(shown.frozen_at)} by {shown.frozen_by}, digest {shown.digest}."
            + (
                ""
                if shown.intact
                else " THE FROZEN SCORES WERE CHANGED SINCE: they no longer have this digest."
            )
        )
    for one in shown.later:
        whose = f"{one.organisation} {one.post}" if one.post else one.organisation
        out.say(
            f"after the freeze: {one.warning_no} of {whose} would deduct {one.now.normalize():f} (frozen: {one.frozen.normalize():f}; "
            f"{words.short(words.DEDUCTIONS, one.why) if one.why else '另行核实'}); make it good with `hub score adjust … --corrects {month}`."
        )
    if shown.waiting:
        out.say(
            f"{out.plural(shown.waiting, 'warning')} of the month not judged yet: `hub score waiting {month}`."
        )
