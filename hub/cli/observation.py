"""`hub case | rating | inspection | finding | monitor`, each `list | show`: what channels tell beside demands, masked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, NamedTuple

import typer

from hub.cli import words
from hub.cli.door import Limit, Purpose, Reveal, door_of, purpose_of
from hub.model.codes import Trait


class _Kind(NamedTuple):
    """One group of commands.

    Attributes:
        kind: As `hub.model.said` names it.
        words: What it is, for the help.
        columns: Heading -> column, for the list.
        whole: Headings of columns that never wrap.
        codes: Column -> the county's words for its codes.
    """

    kind: str
    words: str
    columns: Mapping[str, str]
    whole: Sequence[str]
    codes: Mapping[str, Mapping[Any, str]]


_KINDS: Mapping[str, _Kind] = {
    "case": _Kind(
        "case",
        "Cases 办件: what somebody applied for, step by step.",
        {
            "case": "case_no",
            "applied": "applied_at",
            "state": "state",
            "due": "due_at",
            "item": "item_name",
            "unit": "organisation",
        },
        ("case", "applied", "state", "due"),
        {"state": words.CASE_STATES, "case_kind": words.CASE_KINDS, "result": words.CASE_RESULTS},
    ),
    "rating": _Kind(
        "rating",
        "Ratings 评价（好差评）: what somebody thought of a service.",
        {
            "rating": "source_no",
            "rated": "rated_at",
            "level": "level",
            "case": "case_no",
            "unit": "organisation",
            "words": "text",
        },
        ("rating", "rated", "level"),
        {"level": words.RATING_LEVELS, "case_state": words.CASE_STATES},
    ),
    "inspection": _Kind(
        "inspection",
        "Inspections 督查巡查, walk-throughs and visits, planned or done.",
        {
            "inspection": "source_no",
            "kind": "inspection_kind",
            "planned": "planned_on",
            "began": "began_at",
            "level": "level",
            "centre": "centre",
            "failed": "lines_failed",
        },
        ("inspection", "planned", "began", "failed"),
        {"inspection_kind": words.INSPECTION_KINDS, "level": words.CENTRE_LEVELS},
    ),
    "finding": _Kind(
        "finding",
        "Findings 巡查发现: what was found wrong, and what became of it.",
        {
            "finding": "source_no",
            "found": "found_at",
            "state": "state",
            "severity": "severity",
            "unit": "organisation",
            "words": "text",
        },
        ("finding", "found", "state", "severity"),
        {
            "state": words.FINDING_STATES,
            "severity": words.SEVERITIES,
            "inspection_kind": words.INSPECTION_KINDS,
            "level": words.CENTRE_LEVELS,
        },
    ),
    "monitor": _Kind(
        "monitor_event",
        "Monitor events 监察事件 of the eagle-eye's own rules and cameras.",
        {
            "event": "source_no",
            "occurred": "occurred_at",
            "level": "level",
            "anomaly": "anomaly",
            "case": "case_no",
            "unit": "organisation",
            "reason": "reason",
        },
        ("event", "occurred", "level", "anomaly"),
        {"level": words.CASE_LEVELS, "anomaly": words.ANOMALIES},
    ),
}
OfChannel = Annotated[
    str | None,
    typer.Option(
        "--channel", metavar="NAME", help="Only this channel's, by its configured name or its kind."
    ),
]
OfCase = Annotated[
    str | None, typer.Option("--case", metavar="NO", help="Only of the case with this number.")
]
WithTrait = Annotated[
    Trait | None,
    typer.Option(
        "--trait", help="Only with this trait (影响差、阻力大、协调难、苗头性、倾向性、群诉隐患 …)."
    ),
]
Number = Annotated[str, typer.Argument(metavar="NO", help="From the list of the same name.")]
_BESIDE = ("id", "deleted", "watch", "stream_id", "record_key", "raw_id")
_LISTS = ("steps", "suspensions", "corrections", "hot_topics", "step_grades")


def register(app: typer.Typer) -> None:
    """Adds the groups."""
    for name, kind in _KINDS.items():
        group = typer.Typer(no_args_is_help=True)
        group.command("list")(_lister(name, kind))
        group.command("show")(_shower(name, kind))
        app.add_typer(group, name=name, help=kind.words)


def _lister(name: str, kind: _Kind) -> Any:
    def show_list(
        ctx: typer.Context, channel: str | None, case_no: str | None, trait: str | None, limit: int
    ) -> None:
        door = door_of(ctx)
        from hub.cli import out
        from hub.cli.channel import not_configured
        from hub.store import observed

        with door.hub() as hub, hub.store.begin() as connection:
            unknown = not_configured(hub, channel)
            found = observed.listed(
                connection, kind.kind, channel=channel, case_no=case_no, trait=trait, limit=limit
            )

        def tell() -> None:
            if not found:
                out.say(
                    f"No {name} fits.{unknown}"
                    if channel or case_no or trait
                    else f"No {name} yet: `hub channel list` shows what is collected."
                )
                return
            out.table(
                list(kind.columns),
                [
                    [
                        "已删除"
                        if one["deleted"] and column == "state"
                        else _short(kind, column, one[column])
                        for column in kind.columns.values()
                    ]
                    for one in found
                ],
                whole=kind.whole,
            )
            out.newest(found, limit, "last received")

        door.answer({f"{kind.kind}s": found}, tell)

    def list_observations(
        ctx: typer.Context, channel: OfChannel = None, case_no: OfCase = None, limit: Limit = 20
    ) -> None:
        show_list(ctx, channel, case_no, None, limit)

    def list_findings(
        ctx: typer.Context,
        channel: OfChannel = None,
        case_no: OfCase = None,
        trait: WithTrait = None,
        limit: Limit = 20,
    ) -> None:
        show_list(ctx, channel, case_no, trait.value if trait is not None else None, limit)

    listing = list_findings if kind.kind == "finding" else list_observations
    listing.__doc__ = (
        f"{kind.words.partition(':')[0].rstrip('.')}, the latest received first; nothing personal is shown."
    )
    return listing


def _shower(name: str, kind: _Kind) -> Any:
    def show(
        ctx: typer.Context,
        number: Number,
        reveal: Reveal = False,
        purpose: Purpose = None,
    ) -> None:
        door = door_of(ctx)
        stated = purpose_of(reveal, purpose)
        from hub.cli.case_clock import clock_told
        from hub.cli.reveal import log_first
        from hub.model.said import OBSERVATIONS
        from hub.pipeline.observing import unseal
        from hub.store import observed

        with door.hub() as hub:
            with hub.store.begin() as connection:
                found, sealed = observed.found(connection, kind.kind, number)
                found["changes"] = observed.former(connection, kind.kind, found["id"])
                clock = clock_told(hub, connection, found, hub.clock.now()) if name == "case" else None
            whole: dict[str, Any] | None = None
            if stated is not None:
                log_first(hub, f"{kind.kind}.reveal", f"{kind.kind} {found['id']}", stated)
                opened = unseal(hub.sealer, OBSERVATIONS[kind.kind], sealed, found["id"])
                whole = opened.model_dump(mode="json", exclude_defaults=True)
        door.answer(
            {
                kind.kind: found,
                **({"clock": clock} if clock is not None else {}),
                **({"personal": whole} if whole is not None else {}),
            },
            lambda: _tell(kind, found, whole, clock),
        )

    show.__doc__ = f"Show one {name} as it stands; persons and what was written in full only with --reveal."
    return show


def _short(kind: _Kind, column: str, value: object) -> object:
    """The county's word for a code; anything else as it is."""
    return words.short(kind.codes[column], value) if column in kind.codes and value is not None else value


def _tell(
    kind: _Kind,
    found: Mapping[str, Any],
    whole: Mapping[str, Any] | None,
    clock: Mapping[str, Any] | None,
) -> None:
    from hub.cli import out
    from hub.cli.case_clock import tell_clock

    out.fields(
        [("id", found["id"])]
        + [
            (
                name.replace("_", " "),
                words.word(kind.codes[name], value) if name in kind.codes and value else value,
            )
            for name, value in found.items()
            if name not in (*_BESIDE, *_LISTS) and value != 0
        ]
        + [("deleted 已删除", found["deleted"] or None)]
    )
    for name in _LISTS:
        for one in found.get(name) or ():
            out.say(
                f"{name.rstrip('s').replace('_', ' ')}: "
                + ", ".join(f"{key.replace('_', ' ')} {_told(value)}" for key, value in one.items())
            )
    if clock is not None:
        tell_clock(clock)
        out.say()
    if whole is None:
        out.say(
            "Persons and words in full are sealed: --reveal --purpose 'why' shows them, and that is written down."
        )
        return
    out.say()
    out.fields([(name.replace("_", " "), value) for name, value in whole.items()])


def _told(value: object) -> object:
    """A value within a step, its times as everywhere else in the county's zone."""
    from hub.cli import out

    if isinstance(value, str) and len(value) >= 19 and value[10:11] == "T":
        try:
            return out.moment(datetime.fromisoformat(value))
        except ValueError:
            return value
    return value
