"""The mapping section of each channel's page: which field of a source becomes what, with its codes, as `docs._generate.asked` finds it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from enum import EnumMeta
from typing import Any

from docs._generate.asked import Asking, Found, Ground
from docs._generate.fields import table
from docs._generate.forms import Form, JsonForm, MailForm, RowForm, XmlForm
from hub.errors import Code, RecordRejected
from hub.sdk.channel import RawRecord, RecordProblem
from hub.sdk.declarative.rules import CodeRule, FieldRules, ReporterRules, Sourced
from hub.sdk.readers.sheet_channel import SheetChannel
from hub.sdk.readers.sheet_values import Cells
from hub.sdk.readers.sheet_whole import lines_of

_OF_SETTINGS: Mapping[str, str] = {
    "singer": "No field of a tap is known beforehand: what a record's places become is said in the settings, under `streams.NAME.fields` and "
    "`streams.NAME.record`, and there is no other mapping that could be shown here. Each field of a demand takes one rule "
    "([sources without code](../../sources-without-code.md) says how one is written); a value that a `map` does not hold sets its record aside "
    "(`value_unmapped`).",
}
_INTRO = (
    "Found by asking the channel: every field of its samples is taken away, changed, and filled with each word of its tables, and what the channel says "
    "then is compared (`docs/_generate/asked.py`). *Empty* and *unknown* tell what becomes of a record whose field is missing, or holds a word that "
    "nobody knows. Times without a zone are those of the channel's `source_timezone`. What the settings add goes before the codes here."
)


def mapping_reference(channel: str) -> str:
    """The section on the mapping of the channel of that name."""
    if channel in _OF_SETTINGS:
        return f"## Mapping\n\n{_OF_SETTINGS[channel]}\n\n{_rules()}\n"
    parts = ["## Mapping", _INTRO]
    for ground in _GROUNDS[channel]():
        parts += _told(ground)
    return "\n\n".join(parts) + "\n"


def _rules() -> str:
    """What the settings may say of each field of a demand, from the models that read them."""
    rows = [
        [f"`{prefix}{name}`", _rule_of(field.annotation), "required" if field.is_required() else "–"]
        for prefix, model in (("", FieldRules), ("reporter.", ReporterRules))
        for name, field in model.model_fields.items()
        if field.annotation is not ReporterRules
    ]
    return table(["field of the demand", "rule", "needed"], rows)


def _rule_of(annotation: Any) -> str:
    """A rule's kind in words; of a code the codes that are ours."""
    from typing import get_args

    for part in (annotation, *get_args(annotation)):
        if isinstance(part, type) and issubclass(part, Sourced):
            codes = part.model_fields["const"].annotation if issubclass(part, CodeRule) else None
            ours = [
                str(getattr(one, "value", one))
                for inner in get_args(codes)
                for one in (get_args(inner) or (list(inner) if isinstance(inner, EnumMeta) else []))
            ]
            kind = part.__name__.partition("Rule")[0].lower()
            return f"{kind}: {', '.join(f'`{code}`' for code in ours)}" if ours else kind
    return "several texts"


def grounds(channel: str) -> list[Ground]:
    """What can be asked about a channel: each kind of record of each of its sources."""
    return list(_GROUNDS[channel]())


def channels() -> list[str]:
    """Channels whose mapping is found by asking."""
    return list(_GROUNDS)


def _told(ground: Ground) -> Iterator[str]:
    found = Asking(ground).found()
    usual, _ = (
        Counter(one.times for one in found if one.times).most_common(1)[0]
        if any(one.times for one in found)
        else ((), 0)
    )
    aliases = any(ground.also.get(one.name) for one in found)
    yield f"### {ground.title}"
    heads = ["field", *(["also called"] if aliases else []), "becomes", "how", "empty", "unknown"]
    yield table(heads, [_row(one, ground.also if aliases else None, usual) for one in found if one.becomes])
    if usual:
        yield f"A time is read as {_listed(usual)}."
    codes = [
        [f"`{one.name}`", "、".join(f"`{word}`" for word in sorted(words)), meaning]
        for one in found
        for meaning, words in one.codes.items()
    ]
    if codes:
        yield table(["codes of", "code", "what it means"], codes)
    silent = [f"`{one.name}`" for one in found if not one.becomes]
    if silent:
        yield f"Kept in the raw record, and in these samples without a say of their own: {', '.join(silent)}."


def _listed(words: Sequence[str]) -> str:
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _row(found: Found, also: Mapping[str, Sequence[str]] | None, usual: Sequence[str]) -> list[str]:
    becomes = [
        (f"`{output}`" if " " not in output else output) + (f" where `{mask}` is empty" if mask else "")
        for output, mask in found.becomes.items()
    ]
    called = ["、".join(also.get(found.name.rpartition("[].")[2], ()))] if also is not None else []
    return [
        f"`{found.name}`",
        *called,
        "; ".join(becomes),
        "; ".join(found.how) + (f": {_listed(found.times)}" if found.times not in ((), usual) else "") or "–",
        found.missing or "–",
        found.unknown or "–",
    ]


# --- grounds, from what the channels' own contracts are made of -------------------------------------------------------


def _of(
    contract: Any,
    form: Form,
    title: str,
    modules: tuple[str, ...],
    names: Sequence[str] = (),
    also: Mapping[str, Sequence[str]] | None = None,
    landed: Callable[[bytes], RawRecord] | None = None,
    perhaps: Sequence[str] = (),
) -> Iterator[Ground]:
    """A ground for each kind of thing that the contract's sound samples say."""
    channel = contract.make_channel()
    whole = Ground(
        title,
        form,
        list(contract._sound().values()),
        landed or contract.make_record,
        channel.normalize,
        modules,
        tuple(names),
        tuple(sorted(perhaps)),
        also=also or {},
    )
    kinds: dict[str, list[bytes]] = {}
    for sample in whole.samples:
        said = [type(one).__name__.lower() for one in channel.normalize(contract.make_record(sample))]
        if said:
            kinds.setdefault(said[0], []).append(sample)
    gone = [sample for sample in whole.samples if not list(channel.normalize(contract.make_record(sample)))]
    for number, (kind, samples) in enumerate(kinds.items()):
        told = title if len(kinds) == 1 else f"{title}: {kind}"
        yield Ground(
            told,
            form,
            [*samples, *(gone if len(kinds) == 1 else [])],
            whole.landed,
            whole.said,
            modules,
            whole.names if number == 0 else (),
            whole.perhaps if len(kinds) == 1 else whole.names if number else (),
            ("lines", 0) if any(b'"lines"' in sample for sample in samples) else (),
            whole.also,
        )


def _portal() -> Iterator[Ground]:
    from hub_channel_portal.fields import Fields
    from plugins.portal.tests.test_portal_contract import TestPortalContract

    names = [name for name in Fields.__struct_fields__ if name != "fj"]
    yield from _of(TestPortalContract(), JsonForm(), "A record of the list", ("hub_channel_portal",), names)


def _app() -> Iterator[Ground]:
    from plugins.app.tests.test_app_contract import TestAppAskedContract

    yield from _of(TestAppAskedContract(), JsonForm(), "A record, asked for or pushed", ("hub_channel_app",))


def _hotline() -> Iterator[Ground]:
    from hub_channel_hotline import names
    from plugins.hotline.tests.test_hotline_contract import (
        TestHotlineSoap,
        TestHotlineView,
        TestHotlineWorkflow,
    )

    shapes: tuple[tuple[Any, Form, str, Mapping[str, str]], ...] = (
        (TestHotlineSoap(), XmlForm(), "`soap`: an element of the answer", names.SOAP),
        (TestHotlineView(), JsonForm(), "`view`: a row", names.VIEW),
        (TestHotlineWorkflow(), JsonForm(), "`workflow`: a record", names.WORKFLOW),
    )
    for contract, form, title, labels in shapes:
        yield from _of(contract, form, title, ("hub_channel_hotline",), list(labels.values()))


def _mailbox() -> Iterator[Ground]:
    from hub.sdk.readers.mail import MAIL
    from plugins.mailbox.tests.test_contract import TestMailbox
    from plugins.mailbox.tests.test_letters_contract import TestMailboxWebPages

    # A mail is known by its own identifier and content; that every word is part of it would only hide the rest.
    yield from _of(
        TestMailbox(),
        MailForm(),
        "`imap`: a mail",
        ("hub_channel_mailbox",),
        landed=lambda body: RawRecord("asked", body, media_type=MAIL),
    )
    yield from _of(
        TestMailboxWebPages(),
        JsonForm(),
        "`web_pages`: a letter as its pages tell it",
        ("hub_channel_mailbox",),
    )


def _sheet(
    contract: Callable[[], Any], columns: Callable[[], Sequence[Any]], package: str, *more: str
) -> Callable[[], Iterator[Ground]]:
    def grounds() -> Iterator[Ground]:
        known, made = columns(), contract()
        yield from _of(
            made,
            JsonForm(),
            "A row of the sheet",
            (package, *more),
            [column.name for column in known],
            {column.name: column.aliases for column in known},
            _numbered(made),
        )

    return grounds


def _numbered(contract: Any) -> Callable[[bytes], RawRecord]:
    """Rows under the number that the reader of sheets would give them; a whole of several rows keeps its own."""
    channel = contract.make_channel()
    plan = channel.plan() if isinstance(channel, SheetChannel) else None

    def landed(body: bytes) -> RawRecord:
        raw: RawRecord = contract.make_record(body)
        if plan is None or plan.number is None or lines_of(raw) is not None:
            return raw
        try:
            numbered = plan.number(Cells.of(raw))
        except RecordRejected as exc:
            return replace(raw, problem=RecordProblem(Code(exc.code), exc.message))
        return raw if numbered is None else replace(raw, source_no=numbered.text)

    return landed


def _presubmission() -> Any:
    from plugins.presubmission_window.tests.test_presubmission_contract import TestPresubmissionContract

    return TestPresubmissionContract()


def _presubmission_columns() -> Any:
    from hub_channel_presubmission_window.mapping import COLUMNS

    return COLUMNS


def _unresolved() -> Any:
    from plugins.unresolved_window.tests.test_unresolved_contract import TestUnresolvedContract

    return TestUnresolvedContract()


def _unresolved_columns() -> Any:
    from hub_channel_unresolved_window.tables import COLUMNS

    return COLUMNS


def _inspection() -> Any:
    from plugins.inspection.tests.test_inspection_contract import TestInspectionContract

    return TestInspectionContract()


def _inspection_columns() -> Any:
    from hub_channel_inspection.tables import columns

    return columns(frozenset())


def _observer() -> Any:
    from plugins.observer.tests.test_observer_contract import TestObserverWalkThroughContract

    return TestObserverWalkThroughContract()


def _observer_columns() -> Any:
    from hub_channel_observer.tables import COLUMNS

    return COLUMNS


def _visit() -> Any:
    from plugins.leader_visit.tests.test_leader_visit_contract import TestLeaderVisitContract

    return TestLeaderVisitContract()


def _visit_columns() -> Any:
    from hub_channel_leader_visit.tables import columns

    return columns(who_is_needed=False)


def _eagle_eye() -> Iterator[Ground]:
    from hub.sdk.readers.sheet import Column
    from hub_channel_eagle_eye.columns import ALIASES
    from hub_channel_eagle_eye.exchange import TYPES
    from hub_channel_eagle_eye.names import FIELDS
    from hub_channel_eagle_eye.shapes import Shape
    from plugins.eagle_eye.tests.test_eagle_eye_contract import (
        MAPPING,
        SAMPLES,
        TestCases,
        TestEvents,
        TestRatings,
    )
    from plugins.eagle_eye.tests.test_eagle_eye_files import TestProcessEvents
    from plugins.eagle_eye.tests.test_eagle_eye_rows import TestExchange

    package = ("hub_channel_eagle_eye",)
    lists: tuple[tuple[Any, str, tuple[str, ...]], ...] = (
        (TestCases(), "A case", ()),
        (TestRatings(), "A rating", ("evaluatorPhone",)),
        (TestEvents(), "A monitor event", ("transactionID",)),
    )
    for contract, title, names in lists:
        yield from _of(contract, JsonForm(), title, package, names, perhaps=FIELDS)
    exchange = TestExchange()
    for number, words in TYPES.items():
        contract = _Some(exchange, lambda row, number=number: f'"TYPE": "{number}"' in row)
        title = f"A row of the exchange table, type {number} ({words})"
        # The type chooses the section.
        for ground in _of(contract, RowForm("CONTENT"), title, package):
            yield replace(ground, passed_over=frozenset(("_", "TYPE")))
    folder = SAMPLES / "supervision"
    sound = [path for path in sorted(folder.glob("*.json")) if path.with_suffix(".demands.json").exists()]
    yield Ground(
        "A row of the supervision table",
        RowForm("XMLBODY"),
        [path.read_bytes() for path in sound],
        lambda body: MAPPING.landed_row(Shape.SUPERVISION, RawRecord("sample", body)),
        MAPPING.said,
        package,
    )
    known = [Column(name, aliases) for name, aliases in ALIASES.items()]
    yield from _sheet(TestProcessEvents, lambda: known, *package)()


class _Some:
    """A contract with some of its samples only."""

    def __init__(self, contract: Any, fits: Callable[[str], bool]) -> None:
        self._contract, self._fits = contract, fits

    def __getattr__(self, name: str) -> Any:
        return getattr(self._contract, name)

    def _sound(self) -> dict[Any, bytes]:
        return {path: body for path, body in self._contract._sound().items() if self._fits(body.decode())}


_GROUNDS: Mapping[str, Callable[[], Iterator[Ground]]] = {
    "portal": _portal,
    "app": _app,
    "hotline": _hotline,
    "mailbox": _mailbox,
    "presubmission_window": _sheet(
        _presubmission, _presubmission_columns, "hub_channel_presubmission_window"
    ),
    "unresolved_window": _sheet(_unresolved, _unresolved_columns, "hub_channel_unresolved_window"),
    "inspection": _sheet(_inspection, _inspection_columns, "hub_channel_inspection", "hub.sdk.inspecting"),
    "observer": _sheet(_observer, _observer_columns, "hub_channel_observer", "hub.sdk.inspecting"),
    "leader_visit": _sheet(_visit, _visit_columns, "hub_channel_leader_visit", "hub.sdk.inspecting"),
    "eagle_eye": _eagle_eye,
}
