"""From one letter of a web mailbox to a record, and from the record to a demand; nothing here asks the outside.

A record is a JSON object of texts: what the page of the letter says, and its row in the list where the page is silent. Of a page that does
not say what a letter needs the whole is kept, so that it can be read once the settings know its layout.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, tzinfo
from typing import NoReturn

from lxml import etree
from pydantic import ValidationError

from hub.model.codes import Anonymity, DemandStatus, DemandType
from hub.model.demand import Demand, PublicReply
from hub.sdk import Code, RawRecord, RecordProblem, RecordRejected, SourceContractError
from hub.sdk.readers.encoding import to_text
from hub.sdk.readers.html import found_by, html_tree, path_of
from hub.sdk.readers.html_dates import Written, written_day
from hub.sdk.readers.html_labels import Labelled
from hub.sdk.values import beyond_the_model, blank_to_none, mapped
from hub_channel_mailbox.mapping import MAX_CONTENT, MAX_TITLE, TITLE_FROM_CONTENT, TYPE_TAGS
from hub_channel_mailbox.settings import MailboxSettings, WebPagesSource
from hub_channel_mailbox.web_names import (
    DISPATCHED,
    FIELDS,
    LETTER,
    LETTER_TYPE,
    PAGE_TYPE,
    SETTLED,
    STATUSES,
    TEXTS,
)

MAX_KEY = 128
DAY_ONLY = "DAY_ONLY"
ROW_ONLY = "ROW_ONLY"
"""Marks of a demand's ``quality``: no hour is told; the list shows the letter and no page of its own."""
_ANONYMOUS = frozenset({"匿名", "匿名用户", "匿名网友", "匿名群众"})
_UNANSWERED = frozenset(
    {DemandStatus.PENDING, DemandStatus.ACCEPTED, DemandStatus.ASSIGNED, DemandStatus.IN_HAND}
)
# 【】, and the square, tortoise-shell and round brackets that stand in for them.
_UNSAID = re.compile(r"[\s\u3000\xa0\[\]()\u3010\u3011\uff3b\uff3d\u3014\u3015\uff08\uff09]+")


class LetterMapping:
    """How the letters of one configured mailbox are read.

    Args:
        settings: The channel's; of another source than web pages, what was kept of those is read with the usual layout.
        zone: Of the site's days and times.
    """

    def __init__(self, settings: MailboxSettings, zone: tzinfo) -> None:
        self._settings = settings
        self._zone = zone
        source = settings.source if isinstance(settings.source, WebPagesSource) else None
        self._types = {**TYPE_TAGS, **settings.type_tags}
        self._statuses = {**STATUSES, **(source.statuses if source is not None else {})}
        own = source.letter if source is not None else {}
        self._places = {name: (*own.get(name, ()), *usual) for name, usual in LETTER.items()}
        self._letter_at = source.letter_at if source is not None else None
        self._number_in_link = source.number_in_link if source is not None else None

    # --- from a page to a record ---------------------------------------------------------------------------------

    def read(self, root: etree._Element) -> dict[str, str]:
        """What the page of a letter says, by field; without ``content`` it is no such page."""
        scope: etree._Element | None = root
        if self._letter_at is not None:
            found = found_by(path_of(self._letter_at), root)
            scope = next((one for one in found if isinstance(one, etree._Element)), None)
        if scope is None:
            return {}
        fields = Labelled(scope, self._places, TEXTS).values()
        if "title" not in fields:
            heading = next((one for one in scope.iter("h1", "h2") if "".join(one.itertext()).strip()), None)
            if heading is not None:
                fields["title"] = " ".join("".join(heading.itertext()).split())
        return fields

    def landed(self, fields: Mapping[str, str]) -> RawRecord:
        """A letter's record; a problem where its number or its day cannot be told."""
        told = {name: fields[name] for name in FIELDS if fields.get(name)}
        if "number" not in told and (number := self._linked_number(told.get("link"))) is not None:
            told["number"] = number
        body = json.dumps(told, ensure_ascii=False, sort_keys=True).encode("utf-8", "replace")
        number = told.get("number")
        try:
            number = _number(number)
            self._submitted_at(told)
        except RecordRejected as exc:
            is_day = exc.field == "time"
            problem = RecordProblem(Code.POSITION_UNREADABLE if is_day else exc.code, exc.message)
            return RawRecord(number if is_day else None, body, media_type=LETTER_TYPE, problem=problem)
        return RawRecord(number, body, media_type=LETTER_TYPE)

    def is_open(self, fields: Mapping[str, str]) -> bool:
        """Whether the letter's page may still change: nobody has answered it."""
        status = self._statuses.get(_bare(fields.get("status", "")))
        return not fields.get("reply") and status not in SETTLED

    def _linked_number(self, link: str | None) -> str | None:
        if self._number_in_link is None or link is None:
            return None
        found = re.search(self._number_in_link, link[:2_000])
        return found[1] if found is not None else None

    # --- from a record to a demand -------------------------------------------------------------------------------

    def demand(self, raw: RawRecord) -> Demand:
        """What the letter says.

        Raises:
            RecordRejected: It cannot be used; the code says why.
        """
        fields = _fields(raw.body) if raw.media_type != PAGE_TYPE else _of_page(raw)
        number = _number(fields.get("number"))
        is_whole = "content" in fields or "page" in fields
        if "page" in fields:
            fields = {**fields, **self._reread(fields["page"])}
        submitted_at, has_hour = self._submitted_at(fields)
        content, title = fields.get("content"), fields.get("title", "")
        if is_whole and content is None:
            _missing(
                "content", "the words of the letter on its page, as the setting source.letter describes it"
            )
        if content is None and not title:
            _missing("title", "the title of a letter that has no page of its own")
        demand_type = self._type(fields.get("type"))
        status, reply = self._status(fields), self._reply(fields, submitted_at)
        try:
            return Demand.model_validate(
                {
                    "source_no": number,
                    "submitted_at": submitted_at,
                    "demand_type": demand_type,
                    "type_source_text": fields.get("type"),
                    "title": (title or " ".join((content or "").split())[:TITLE_FROM_CONTENT])[:MAX_TITLE],
                    "content": (content or title)[:MAX_CONTENT],
                    "reporter": {
                        "name": fields.get("writer"),
                        "phone": fields.get("phone"),
                        "email": fields.get("email"),
                    },
                    "anonymity": self._anonymity(fields, demand_type),
                    "status": status,
                    "sub_source": self._settings.sub_source,
                    # The mailbox's own office has handed it to somebody: no second order (R73).
                    "assigned_no": number if status in DISPATCHED else None,
                    "public_reply": reply,
                    "quality": self._quality(fields, has_hour=has_hour, is_whole=is_whole),
                }
            )
        except ValidationError as exc:
            raise beyond_the_model(exc) from None  # the cause's text holds the letter's values

    def _reread(self, page: str) -> dict[str, str]:
        try:
            root = html_tree(page)
        except ValueError:
            return {}
        return self.read(root)

    def _submitted_at(self, fields: Mapping[str, str]) -> tuple[datetime, bool]:
        """When it was written, UTC, and whether the hour is told."""
        written = written_day(fields.get("time"))
        if written is not None and written.year is None:
            written = _in_the_lists_year(written, fields.get("day"))
        try:
            moment = written.moment(self._zone) if written is not None else None
            if written is not None and moment is not None:
                return moment.astimezone(UTC), written.at is not None
        except OverflowError:
            pass
        raise RecordRejected(
            "field 'time': no day, or one whose year neither the page nor the order of the list tells (expected such as 2026-11-03 or "
            "2026年11月3日); look at the record with `hub quarantine show`, and name the place of the time in the setting source.letter",
            code=Code.FIELD_INVALID if fields.get("time") else Code.FIELD_MISSING,
            field="time",
        )

    def _type(self, text: str | None) -> DemandType:
        if text is None:
            return self._settings.default_type
        return mapped(self._types, _bare(text), field="type")

    def _status(self, fields: Mapping[str, str]) -> DemandStatus:
        text = _bare(fields.get("status", ""))
        answered = fields.get("reply") is not None
        if not text:
            return DemandStatus.ANSWERED if answered else DemandStatus.PENDING
        found = mapped(self._statuses, text, field="status")
        return DemandStatus.ANSWERED if answered and found in _UNANSWERED else found

    def _reply(self, fields: Mapping[str, str], submitted_at: datetime) -> PublicReply | None:
        """The answer on the page; its day may lack its year: it is the first such day on which the letter was there."""
        text = fields.get("reply")
        if text is None:
            return None
        written = written_day(fields.get("reply_time"))
        if written is not None and written.year is None:
            since = submitted_at.astimezone(self._zone).date()
            same = written.on(since.year)
            written = written.in_year(since.year + (same is None or same < since))
        moment = written.moment(self._zone) if written is not None else None
        return PublicReply(
            text=text[:MAX_CONTENT],
            organisation=fields.get("reply_department"),
            replied_at=moment.astimezone(UTC) if moment is not None else None,
        )

    def _anonymity(self, fields: Mapping[str, str], demand_type: DemandType) -> Anonymity:
        given = self._settings.anonymity
        if fields.get("writer") in _ANONYMOUS:
            return Anonymity.ANONYMOUS
        if demand_type is DemandType.REPORT and given is Anonymity.OPEN:
            return Anonymity.SECRET
        return given

    @staticmethod
    def _quality(fields: Mapping[str, str], *, has_hour: bool, is_whole: bool) -> tuple[str, ...]:
        found = {
            DAY_ONLY: not has_hour,
            ROW_ONLY: not is_whole,
            "TEXT_CUT": len(fields.get("content", "")) > MAX_CONTENT,
            "REPLY_TIME_UNREADABLE": "reply_time" in fields and written_day(fields["reply_time"]) is None,
        }
        return tuple(flag for flag, holds in found.items() if holds)


def _fields(body: bytes) -> dict[str, str]:
    """The record's texts; empty ones and the word null are nothing."""
    try:
        members = json.loads(body)
    except (ValueError, RecursionError):
        members = None
    if not isinstance(members, dict):
        raise RecordRejected(
            "record: no JSON object (expected a letter as the channel wrote it down); look at its kept bytes with `hub quarantine show`",
            code=Code.RECORD_UNREADABLE,
        )
    found: dict[str, str] = {}
    for name in FIELDS:
        value = members.get(name)
        if value is not None and not isinstance(value, str):
            raise RecordRejected(
                f"field {name!r}: no text (expected one); look at the record with `hub quarantine show`",
                code=Code.FIELD_INVALID,
                field=name,
            )
        if (text := blank_to_none(value)) is not None:
            found[name] = text.replace("\0", "").encode("utf-8", "replace").decode()
    return {name: text for name, text in found.items() if text.strip()}


def _of_page(raw: RawRecord) -> dict[str, str]:
    try:
        page = to_text(raw.body, None, place="letter")
    except SourceContractError:
        page = raw.body.decode("utf-8", "replace")
    return {"page": page, **({"number": raw.source_no} if raw.source_no else {})}


def _in_the_lists_year(written: Written, day: str | None) -> Written | None:
    """With the year that the order of the list gave to the row of the letter, where both mean the same day."""
    try:
        told = date.fromisoformat(day or "")
    except ValueError:
        return None
    return written.in_year(told.year) if written.on(told.year) == told else None


def _number(text: str | None) -> str:
    if text is None or not text.strip():
        raise RecordRejected(
            "field 'number': neither the list nor the page tells the letter's number (expected one); name its place in the settings source.row or "
            "source.letter, or a pattern for it in source.number_in_link",
            code=Code.KEY_MISSING,
            field="number",
        )
    if len(text) > MAX_KEY or not text.isprintable():
        raise RecordRejected(
            f"field 'number': {len(text)} characters, or some that cannot be printed (expected a number of at most {MAX_KEY}); name its place in "
            "the settings source.row or source.letter",
            code=Code.KEY_INVALID,
            field="number",
        )
    return text.strip()


def _bare(text: str) -> str:
    return _UNSAID.sub("", text)


def _missing(name: str, expected: str) -> NoReturn:
    raise RecordRejected(
        f"field {name!r}: missing (expected {expected}); look at the record with `hub quarantine show`, mend the setting and replay it",
        code=Code.FIELD_MISSING,
        field=name,
    )
