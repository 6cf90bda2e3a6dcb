"""The mailbox channel on the way into the store: nothing lost, nothing doubled, everything accounted for."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from hub.clock import ManualClock
from hub.model.report import Counts
from hub.pipeline import collect, normalize
from hub.pipeline.collect import CollectDeps, Source
from hub.pipeline.intake import read_personal
from hub.sdk.context import ChannelContext
from hub.sdk.gate import LocalGate
from hub.sdk.readers.mail import Security
from hub.store import runs
from hub.testing.factories import secrets_of
from hub_channel_mailbox.channel import MailboxChannel
from hub_channel_mailbox.settings import ImapSource, MailboxSettings
from tests.integration.mail_ground import Mailbox, box, servers
from tests.support.mail_corpus import FORWARDED_BY_CLERK, PNG, mail, multipart, numbered, part
from tests.support.mail_servers import PASSWORD

__all__ = ["box", "servers"]


def source(box: Mailbox, clock: ManualClock, *, deferred: bool = False, **settings: Any) -> Source:
    folder = ImapSource(
        kind="imap",
        host=box.server.host,
        port=box.server.port,
        security=Security.PLAIN,
        user=box.user,
        password_secret="mailbox.password",
        folder=box.server.folder,
        own_domains=("luoshan.example",),
        **settings,
    )
    given = MailboxSettings(source=folder)
    secret = secrets_of({"mailbox.password": PASSWORD})
    ctx = ChannelContext("county-mailbox", secret, LocalGate(clock), box.log, clock)
    return Source(MailboxChannel(given, ctx), "county-mailbox", "0.1.0", deferred)


def collected(deps: CollectDeps, ready: Source) -> Counts:
    (report,) = collect.run(deps, ready)
    assert report.problems == ()
    normalize.run(deps, {ready.instance: ready})
    assert report.run_id is not None
    with deps.store.begin() as connection:
        counts = runs.records_of(connection, report.run_id)
    assert counts.reconciles()
    return counts


def rows(deps: CollectDeps, statement: str) -> list[Any]:
    with deps.store.begin() as connection:
        return list(connection.execute(text(statement)).all())


@pytest.mark.parametrize("deferred", [False, True], ids=["inline", "deferred"])
def test_mails_become_demands_or_are_set_aside_and_all_are_accounted_for(
    deps: CollectDeps, clock: ManualClock, box: Mailbox, deferred: bool
) -> None:
    box.append(
        numbered(1),
        mail(FORWARDED_BY_CLERK, subject="转发：【举报】索要好处", sender="li@luoshan.example"),
        multipart(
            part("见图".encode(), b"text/plain; charset=utf-8"),
            part(PNG, b"image/png"),
            message_id="<3@x.cn>",
        ),
        mail(headers=[b"Auto-Submitted: auto-replied"], message_id="<4@x.cn>"),
        mail("诉" * 20_000, message_id="<5@x.cn>"),
    )

    counts = collected(deps, source(box, clock, deferred=deferred, max_message_bytes=20_000))

    assert counts == Counts(collected=5, stored=3, quarantined=2)
    codes = {row.code for row in rows(deps, "SELECT code FROM quarantine")}
    assert codes == {"mail_automatic", "record_too_large"}
    sealed = rows(
        deps, "SELECT demand_id, sealed FROM demand WHERE anonymity = 'secret' AND demand_type = 'report'"
    )
    person = read_personal(deps.intake.sealer, bytes(sealed[0].sealed), sealed[0].demand_id)["reporter"]
    assert (person["name"], person["phone"]) == ("赵大海", "13800001111")


def test_a_folder_numbered_anew_doubles_nothing(deps: CollectDeps, clock: ManualClock, box: Mailbox) -> None:
    box.append(*(numbered(number) for number in range(5)))
    assert collected(deps, source(box, clock, batch=2)) == Counts(collected=5, stored=5)
    box.server.bump_uidvalidity(box.user)
    box.append(numbered(5))

    assert collected(deps, source(box, clock, batch=2)) == Counts(collected=6, stored=1, duplicate=5)
    assert collected(deps, source(box, clock)) == Counts()
    assert rows(deps, "SELECT count(*) AS all FROM demand")[0][0] == 6
