"""`hub demand list | show | categorize | reevaluate`: demands 诉求, masked; identities for a stated purpose only."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.cli.category import categorize
from hub.cli.door import Limit, Purpose, Reveal, door_of, purpose_of
from hub.cli.reevaluate import reevaluate
from hub.model.codes import DemandType

if TYPE_CHECKING:
    from hub.runtime.hub import Hub

_PERSON = (
    "name",
    "gender",
    "id_type",
    "id_no",
    "uscc",
    "phone",
    "caller_phone",
    "email",
    "account",
    "address",
)


_WHY = {"order_no": "its order number", "words": "the same reporter's same words"}


def register(app: typer.Typer) -> None:
    """Adds the group."""
    group = typer.Typer(no_args_is_help=True)
    group.command("list")(list_demands)
    group.command("show")(show)
    group.command("categorize")(categorize)
    group.command("reevaluate")(reevaluate)
    app.add_typer(group, name="demand", help="Demands 诉求: what citizens said, brought into one schema.")


def list_demands(
    ctx: typer.Context,
    channel: Annotated[
        str | None,
        typer.Option(
            "--channel", metavar="NAME", help="Only this channel's, by its configured name or its kind."
        ),
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="Submitted at or after that moment.")
    ] = None,
    demand_type: Annotated[DemandType | None, typer.Option("--type", help="Only of this type.")] = None,
    reporter_phone: Annotated[
        str | None,
        typer.Option(
            "--reporter-phone",
            metavar="NUMBER",
            help="Only of the person with this number; '-' reads it from stdin, so that no shell remembers it. Written down.",
        ),
    ] = None,
    limit: Limit = 20,
) -> None:
    """List demands, the latest received first; titles are masked."""
    door = door_of(ctx)
    from hub.cli import out, words
    from hub.cli.channel import moment_of, not_configured
    from hub.store import views

    with door.hub() as hub:
        unknown = not_configured(hub, channel)
        person = _tokens(hub, reporter_phone) if reporter_phone is not None else None
        with hub.store.begin() as connection:
            found = views.demands(
                connection,
                channel=channel,
                since=moment_of(since, "--since"),
                demand_type=demand_type.value if demand_type else None,
                person=person,
                limit=limit,
            )

    def tell() -> None:
        if not found:
            narrowed = channel or since or demand_type or reporter_phone
            out.say(
                f"No demand fits.{unknown}"
                if narrowed
                else "No demand yet: `hub channel run NAME` collects a channel."
            )
            return
        out.table(
            ["demand", "submitted", "channel", "type", "status", "title"],
            [
                (
                    one["demand_no"],
                    one["submitted_at"],
                    one["instance"],
                    words.word(words.TYPES, one["demand_type"]),
                    "已删除" if one["deleted"] else words.word(words.STATUSES, one["status"]),
                    one["title"],
                )
                for one in found
            ],
            whole=["demand", "submitted", "type", "status"],
        )
        out.newest(found, limit)

    door.answer({"demands": found}, tell)


def show(
    ctx: typer.Context,
    number: Annotated[str, typer.Argument(metavar="NO", help="From `hub demand list`.")],
    reveal: Reveal = False,
    purpose: Purpose = None,
) -> None:
    """Show one demand and what became of it; the person and the full text only with --reveal."""
    door = door_of(ctx)
    stated = purpose_of(reveal, purpose)
    from hub.cli import out
    from hub.cli.reveal import log_first
    from hub.pipeline.intake import read_personal
    from hub.store import views

    with door.hub() as hub:
        with hub.store.begin() as connection:
            found = views.demand(connection, number)
            sealed = views.sealed_demand(connection, found["demand_id"])
        personal: dict[str, Any] | None = None
        if stated is not None:
            log_first(hub, "demand.reveal", f"demand {found['demand_no']}", stated)
            personal = read_personal(hub.sealer, sealed, found["demand_id"])

    def tell() -> None:
        _tell(found, personal)
        if personal is None:
            out.say(
                "Names, numbers and the full text are sealed: --reveal --purpose 'why' shows them, and that is written down."
            )

    # The token stands for a person: it is of no use to a reader, and lists of it would be.
    shown = {name: value for name, value in found.items() if name != "reporter_key"}
    door.answer({"demand": shown, **({"personal": personal} if personal is not None else {})}, tell)


def _tell(found: dict[str, Any], personal: dict[str, Any] | None) -> None:
    from hub.cli import out, words
    from hub.cli.suggested import tell_suggestions

    point = f"{found['longitude']}, {found['latitude']}" if found.get("longitude") else None
    out.fields(
        [
            ("demand 诉求", found["demand_no"]),
            ("channel", f"{found['instance']} ({words.word(words.WATCHES, found['watch'])})"),
            ("source's number", found["source_no"]),
            ("submitted", found["submitted_at"]),
            ("received", found["received_at"]),
            ("occurred", found["occurred_at"]),
            ("type", f"{words.word(words.TYPES, found['demand_type'])} {found['demand_type']}"),
            ("nature", words.word(words.NATURES, found["nature"])),
            ("status", f"{words.word(words.STATUSES, found['status'])} {found['status']}"),
            ("deleted", found["deleted"] or None),
            ("urgency", words.word(words.URGENCIES, found["urgency"])),
            ("anonymity", words.word(words.ANONYMITIES, found["anonymity"])),
            ("reporter known by", found["reporter_basis"] or "nothing"),
            ("category", _category(found)),
            ("region", _region(found)),
            ("place 事发地点", _named(found, found["place_id"])),
            ("place may be", [_named(found, one) for one in found["place_candidates"] or ()]),
            ("matter 同一诉求", _matter(found)),
            ("coordinates", point),
            ("service item", found["item_name"] or found["item_code"]),
            ("case", found["case_no"]),
            ("about", found["target_org"]),
            ("its platform's order", found["assigned_no"]),
            ("its deadline", found["deadline_at"]),
            ("labels", found["labels"]),
            ("quality", found["quality"]),
            ("masked in the text", found["findings"]),
            ("changes", found["changes"] or None),
        ]
    )
    out.say()
    out.say(found["title"])
    out.say(found["text"])
    out.say()
    tell_suggestions(found["suggestions"])
    for one in found["routes"]:
        counted = "which is counted" if one["counts"] else "counted with this one"
        out.say(
            f"the same as {one['demand_no']} through {one['instance']} (by {_WHY[one['why']]}), {counted}"
        )
    for one in found["signals"]:
        warned = f", warning {one['warning_no']}" if one["warning_no"] else ""
        out.say(
            f"signal {one['signal_id']} {one['rule_id']}: {one['summary']} ({words.word(words.SIGNAL_STATES, one['state'])}{warned})"
        )
    for one in found["orders"]:
        out.say(
            f"order {one['order_no']} to {one['organisation_name']} ({words.word(words.ORDER_STATES, one['state'])})"
        )
    if personal is not None:
        _tell_personal(personal)


def _category(found: dict[str, Any]) -> str | None:
    """What rules see, and who decided; what the catalogue does not know stands as the source said it."""
    decided = found["categorized"]
    said: str | None = found["category"]
    if decided is None:
        return said  # not judged yet
    by = decided["person"] or decided["decided_version"]
    if decided["l2"] is not None:
        own = f", in the source's words {said}" if said and said != decided["l2"] else ""
        return f"{decided['l1']} / {decided['l2']} {decided['code']} ({decided['decided_by']}: {by}{own})"
    if decided["decided_by"] == "source":
        return f"{said} ({'an area alone' if decided['l1'] else 'unmapped: `hub category unmapped`'})"
    likely = f"; likeliest {decided['suggested']}" if decided["suggested"] else ""
    return f"待人工 ({decided['decided_by']}: {by}{likely})"


def _region(found: dict[str, Any]) -> str | None:
    code: str | None = found["region_code"]
    return f"{code} (by its place)" if code and found["region_by_place"] else code


def _matter(found: dict[str, Any]) -> str | None:
    from hub.cli import out

    one = found["matter"]
    return f"{one['matter_no']} ({out.plural(one['members'], 'demand')})" if one else None


def _named(found: dict[str, Any], place_id: str | None) -> str | None:
    if place_id is None:
        return None
    known = found["places"].get(place_id)
    return f"{known['name']} ({place_id} in {known['region_code']})" if known else place_id


def _tell_personal(personal: dict[str, Any]) -> None:
    from hub.cli import out

    reporter = personal.get("reporter", {})
    out.fields(
        [
            *((name, reporter.get(name)) for name in _PERSON),
            ("place in words", personal.get("address")),
            ("person complained of", personal.get("target_person")),
            ("wants", personal.get("expected")),
            ("its platform answered", (personal.get("public_reply") or {}).get("text")),
            ("attachments", [one.get("name", "?") for one in personal.get("attachments", ())]),
        ]
    )
    out.say()
    out.say(personal.get("title", ""))
    out.say(personal.get("content", ""))


def _tokens(hub: Hub, given: str) -> list[str]:
    """The search tokens of a telephone number; that somebody was looked for is written down, the number is not.

    Raises:
        BadParameter: It is no number that stands for a person.
    """
    from hub.cli.reveal import note
    from hub.text.identity import read_phone

    number = sys.stdin.readline().strip() if given == "-" else given
    phone = read_phone(number)
    if phone.value is None:
        raise typer.BadParameter(
            f"--reporter-phone is no telephone number of a person ({phone.why}; expected such as 13912345678 or 0376-6822345)"
        )
    hub.renew_keys()
    with hub.store.begin() as connection:
        note(hub, connection, "demand.search", "reporter's phone")
    return hub.search_keys.tokens("phone", phone.value)
