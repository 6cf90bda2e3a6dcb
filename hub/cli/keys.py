"""`hub keys list | rotate | reindex | retire | restore`: the ring of versioned keys, changed while the hub runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.cli.door import door_of

if TYPE_CHECKING:
    from hub.pipeline.rekey import RekeyDeps
    from hub.runtime.hub import Hub
    from hub.seal import Key, KeyRing

# A run that has not been heard of for so long is dead, and writes nothing more.
_SILENT = timedelta(hours=1)


_TABLES = {
    "demand": "demands",
    "demand_history": "former states of demands",
    "signals": "signals",
    "raw_record": "raw records",
    "quarantine": "pages set aside",
    "attachment": "attachments",
    "endpoint": "endpoints",
    "case_part": "records of cases",
    "service_case": "cases",
    "rating": "ratings",
    "inspection": "inspections",
    "finding": "findings",
    "monitor_event": "monitor events",
    "reply_outbox": "replies to platforms",
    "observation_history": "former states of cases, ratings and findings",
}


class KeyPurpose(StrEnum):
    """What a key is for."""

    SEAL = "seal"
    SEARCH = "search"
    SALT = "salt"


def register(app: typer.Typer) -> None:
    """Adds the group."""
    group = typer.Typer(no_args_is_help=True)
    group.command("list")(list_keys)
    group.command("rotate")(rotate)
    group.command("reindex")(reindex)
    group.command("retire")(retire)
    group.command("restore")(restore)
    app.add_typer(group, name="keys", help="Keys of sealing, searching and salting.")


def list_keys(
    ctx: typer.Context,
    count: Annotated[
        bool, typer.Option("--count", help="Count what stands under each key; reads every row.")
    ] = False,
) -> None:
    """List the keys of the ring; never their secrets."""
    door = door_of(ctx)
    from hub.cli import out
    from hub.store import rekey as store

    with door.hub(schema=count) as hub:
        ring = hub.keys.ring()
        path = hub.keys.path
        used: dict[str, int] = {}
        if count:
            with hub.store.begin() as connection:
                used = store.usage(connection)
    keys = [_shown(key, used if count else None) for key in ring.keys]

    def tell() -> None:
        heads = ["key", "purpose", "algorithm", "state", "made"] + (["values"] if count else [])
        rows = [
            [one["key"], one["purpose"], one["algorithm"], one["state"], key.created_at]
            for one, key in zip(keys, ring.keys, strict=True)
        ]
        if count:
            rows = [[*row, one["values"]] for row, one in zip(rows, keys, strict=True)]
        out.table(heads, rows, right=["values"])
        out.say(f"They stand in {path}: keep a copy apart from the database's.")

    door.answer({"keys": keys, "file": str(path)}, tell)


def rotate(
    ctx: typer.Context,
    purpose: Annotated[
        list[KeyPurpose] | None,
        typer.Option("--purpose", help="Which key is replaced; may be repeated. Default: seal and search."),
    ] = None,
) -> None:
    """Make new active keys; running processes take them with their next step. Then run `hub keys reindex`.

    The former keys still read, until `hub keys retire`.
    """
    door = door_of(ctx)
    from hub.cli import out
    from hub.seal import update_ring

    wanted = list(dict.fromkeys(purpose or [KeyPurpose.SEAL, KeyPurpose.SEARCH]))
    with door.hub() as hub:
        former = hub.keys.ring()

        def change(ring: KeyRing) -> KeyRing:
            for one in wanted:
                ring = ring.rotate(one.value)
            return ring

        ring = _changed(hub, "keys.rotate", ",".join(wanted), lambda: update_ring(hub.keys.path, change))
    made = [
        {
            "purpose": one.value,
            "former": former.active(one.value).key_id,
            "active": ring.active(one.value).key_id,
        }
        for one in wanted
    ]

    def tell() -> None:
        for one in made:
            out.say(f"{one['purpose']}: {one['active']} is active, {one['former']} only reads from now on.")
        if {KeyPurpose.SEAL, KeyPurpose.SEARCH} & set(wanted):
            out.say("Run `hub keys reindex` now: until then rules and searches see a person in two halves.")

    door.answer({"rotated": made}, tell)


def reindex(ctx: typer.Context) -> None:
    """Rewrite under the active keys what former keys sealed, and rebuild the search tokens.

    Works while the hub runs; stopped or killed in between, run it again: it goes on. Exit code 1 when something is left.
    """
    door = door_of(ctx)
    from hub.cli import out
    from hub.cli.reveal import note
    from hub.pipeline import rekey

    with door.hub() as hub:
        deps = rekey_deps(hub)
        with out.progress(quiet=door.as_json) as bar:
            totals = rekey.outdated(deps) if out.watched() else {}
            report = rekey.run(
                deps, lambda table, done: bar(_TABLES[table], done, totals.get(table.rstrip("s")))
            )
        ring = hub.sealer.ring
        with hub.store.begin() as connection:
            note(hub, connection, "keys.reindex", "all", detail=report.counts)
    idle = [
        key.key_id for key in ring.keys if str(key.state) == "decrypt_only" and str(key.purpose) != "salt"
    ]

    def tell() -> None:
        rewritten = [
            f"{words} {report.counts[name]}" for name, words in _TABLES.items() if report.counts.get(name)
        ]
        out.say(
            f"Rewritten: {', '.join(rewritten)}."
            if rewritten
            else "Everything stands under the active keys already; nothing was changed."
        )
        if kept := report.counts["signals_kept"]:
            out.say(
                f"{out.plural(kept, 'signal')} about persons of whom no demand is left keep their former key."
            )
        for problem in report.problems:
            out.say(f"{problem.where} [{problem.code}]: {problem.message}")
        if report.ok and idle:
            out.say(
                f"Nothing is left under {', '.join(idle)}: `hub keys retire {idle[0]}` takes it out of use."
            )

    door.answer({"reports": [report], "idle_keys": idle if report.ok else []}, tell)
    if not report.ok:
        raise typer.Exit(1)


def retire(
    ctx: typer.Context, key: Annotated[str, typer.Argument(metavar="KEY", help="Such as s1 or h1.")]
) -> None:
    """Take a former key out of use; refused while anything stands under it. Its secret is kept: `restore` brings it back."""
    door = door_of(ctx)
    from hub.cli import out
    from hub.pipeline.rekey import refuse_early_retirement
    from hub.seal import update_ring

    with door.hub() as hub:
        now = hub.clock.now()
        ring = hub.keys.ring()
        with hub.store.begin() as connection:
            refuse_early_retirement(
                connection, hub.sealer, key, _replaced_at(ring, key) or now, now - _SILENT
            )
        _changed(hub, "keys.retire", key, lambda: update_ring(hub.keys.path, lambda ring: ring.retire(key)))
    door.answer(
        {"retired": key},
        lambda: out.say(
            f"{key} is retired: it neither writes nor reads. Its secret is kept; `hub keys restore {key}` brings it back."
        ),
    )


def restore(
    ctx: typer.Context, key: Annotated[str, typer.Argument(metavar="KEY", help="A retired key.")]
) -> None:
    """Let a retired key read again: the way back from a `retire` that came too early."""
    door = door_of(ctx)
    from hub.cli import out
    from hub.seal import update_ring

    with door.hub() as hub:
        _changed(hub, "keys.restore", key, lambda: update_ring(hub.keys.path, lambda ring: ring.restore(key)))
    door.answer(
        {"restored": key},
        lambda: out.say(f"{key} reads again; `hub keys reindex` moves what stands under it."),
    )


def rekey_deps(hub: Hub) -> RekeyDeps:
    """What rekeying needs, under the ring as the key file has it now."""
    from hub.pipeline.rekey import RekeyDeps

    hub.renew_keys()
    rules = tuple(
        rule_id for rule_id, entry in sorted(hub.plugins.rules.items()) if entry.cls.subject == "reporter"
    )
    return RekeyDeps(hub.store, hub.clock, hub.sealer, hub.search_keys, hub.intake, rules)


def _changed(hub: Hub, action: str, subject: str, change: Callable[[], KeyRing]) -> KeyRing:
    """Changes the ring and writes a line of the audit log: the line stands only where the ring was changed."""
    from hub.cli.reveal import note

    with hub.store.begin() as connection:
        note(hub, connection, action, subject)
        return change()


def _replaced_at(ring: KeyRing, key_id: str) -> datetime | None:
    """When a key ceased to be active: when the next one of its purpose was made."""
    key = ring.find(key_id)
    if key is None:
        return None
    later = [
        one.created_at for one in ring.keys if one.purpose is key.purpose and one.created_at > key.created_at
    ]
    return min(later, default=None)


def _shown(key: Key, used: dict[str, int] | None) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "key": key.key_id,
        "purpose": str(key.purpose),
        "algorithm": str(key.profile),
        "state": str(key.state),
        "made": key.created_at,
    }
    return shown if used is None else {**shown, "values": used.get(key.key_id, 0)}
