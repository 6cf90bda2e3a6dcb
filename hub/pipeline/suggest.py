"""Suggest: asks a model beside the rules for what a person has to look at anyway. Off until hub.yaml names a classifier.

What goes out is words that are masked already and masked once more, and the catalogue's categories: no number, no name, no place of
a row. What comes back is checked, kept in a table of its own and shown as a suggestion: no rule, no step and no decision reads it.
A classifier that is away, slow or talks nonsense costs one call; everything else goes on.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from hub.clock import COUNTY_ZONE
from hub.errors import Code, ConfigError, HubError, SourceContractError
from hub.model.report import Problem, Report
from hub.pipeline.deps import PipelineDeps, logged
from hub.plugins import guard
from hub.sdk.suggest import MOST_SUMMARY, Answered, AnyClassifier, Asked, Choice
from hub.settings import SuggestSettings
from hub.store import suggestions
from hub.store.suggestions import Wanted
from hub.text.category_catalogue import said_words
from hub.text.redact import redact

MOST_CHARS = 4_000
_LINK = re.compile(r"://|www\.|[A-Za-z0-9-]+\.(?:com|cn|net|org|top|cc|xyz|vip)\b", re.IGNORECASE)
# House, entrance and door: a department needs them to go there, a model needs them for nothing.
_DOOR = re.compile(
    r"[0-9０-９]{1,5}(?=[号栋幢座层楼室户弄组]|单元)|(?<=[楼栋幢座元])[-—]?[0-9０-９]{3,5}(?![0-9０-９])"
)
_UNSHOWN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class SuggestDeps:
    """What asking needs.

    Attributes:
        build: Makes the configured classifier; raises ConfigError where it cannot be. None: suggesting is off.
        redactors: Of plugins, which mask more than the hub's own redaction does.
    """

    pipeline: PipelineDeps
    settings: SuggestSettings
    build: Callable[[], AnyClassifier] | None
    redactors: tuple[Callable[[str], str], ...] = ()


def run(deps: SuggestDeps) -> Report:
    """Asks for what waits, as far as the day's calls and tokens reach; safe to run again and beside itself.

    Returns:
        Counts ``suggested``, ``refused`` (what came back is no answer) and ``failed``; a problem where the classifier cannot be asked.
        Nothing where suggesting is off.
    """
    counts = dict.fromkeys(("suggested", "refused", "failed"), 0)
    if deps.build is None:
        return Report(step="suggest", counts=counts)
    started_at = deps.pipeline.clock.now()
    problems: list[Problem] = []
    try:
        classifier = deps.build()
    except HubError as exc:
        return Report(step="suggest", counts=counts, problems=(_problem(deps, exc),))
    try:
        for subject in ("signal", "demand"):
            for _ in range(deps.settings.batch):
                outcome = _one(deps, classifier, subject, problems)
                if outcome is None:
                    break
                counts[outcome] += 1
            if problems:
                break
    finally:
        _let_go(deps, classifier)
    return logged(deps.pipeline, Report(step="suggest", counts=counts, problems=tuple(problems)), started_at)


def _one(deps: SuggestDeps, classifier: AnyClassifier, subject: str, problems: list[Problem]) -> str | None:
    """Asks for one thing; its outcome, None where nothing is wanted, nothing may be asked any more, or nobody answers."""
    clock, settings = deps.pipeline.clock, deps.settings
    if problems:
        return None
    who = f"{classifier.name} {classifier.version} {classifier.model}".strip()
    now = clock.now()
    day = now.astimezone(COUNTY_ZONE).date()
    with deps.pipeline.store.begin() as connection:
        suggestions.alone(connection)
        wanted = suggestions.next_wanted(connection, subject, who, now, timedelta(days=settings.max_age_days))
        if wanted is None:
            return None
        choices = _choices(
            deps, subject, deps.pipeline.categories.current(connection).catalogue.entries.values()
        )
        if not suggestions.count_call(
            connection, day, most_calls=settings.calls_a_day, most_tokens=settings.tokens_a_day
        ):
            return None
        suggestion_id = suggestions.claim(connection, wanted, who, now)
        if suggestion_id is None:
            return None  # it was settled in between; the call that was counted is one less today
    asked = Asked(subject=subject, texts=_masked(deps, wanted), categories=choices)  # type: ignore[arg-type]
    return _settled(deps, classifier, asked, suggestion_id, day, problems)


def _settled(
    deps: SuggestDeps,
    classifier: AnyClassifier,
    asked: Asked,
    suggestion_id: int,
    day: date,
    problems: list[Problem],
) -> str:
    what = f"classifier {classifier.name}: answer"
    try:
        # No transaction is open: it may take its whole time limit.
        given = guard(lambda: classifier.answer(asked), timeout_s=deps.settings.timeout_s, what=what)
        answer = checked(given, asked, deps)
    except HubError as exc:
        # What is wrong with one answer; all else is wrong with the endpoint, and the next call would fare no better.
        refused = isinstance(exc, SourceContractError) and exc.code is Code.PAGE_SHAPE
        state = "refused" if refused else "failed"
        if not refused:
            problems.append(_problem(deps, exc))
        with deps.pipeline.store.begin() as connection:
            suggestions.settle(
                connection, suggestion_id, state, deps.pipeline.clock.now(), day=day, code=exc.code.value
            )
        return state
    with deps.pipeline.store.begin() as connection:
        suggestions.settle(
            connection,
            suggestion_id,
            "suggested",
            deps.pipeline.clock.now(),
            day=day,
            category=answer.category,
            summary=answer.summary,
            model=answer.model,
            tokens=answer.tokens or 0,
        )
    return "suggested"


def checked(given: object, asked: Asked, deps: SuggestDeps) -> Answered:
    """The answer as it may be kept and shown.

    Raises:
        SourceContractError: It is none, names no category of those given, says nothing, or holds what no summary holds (code
            ``page_shape``).
    """
    if not isinstance(given, Answered):
        raise _no_answer(f"a {type(given).__name__}", "an Answered")
    category = given.category
    if category is not None and category not in {one.code for one in asked.categories}:
        raise _no_answer("a category that was not offered", "a code of those given, or none")
    summary = given.summary.strip() if given.summary is not None else None
    if summary:
        if len(summary) > MOST_SUMMARY or _UNSHOWN.search(summary):
            raise _no_answer(
                "a summary that is too long or holds what cannot be shown",
                f"one line of at most {MOST_SUMMARY} characters",
            )
        if _LINK.search(summary):
            raise _no_answer("a summary with a link", "words alone")
        summary = mask(summary, deps)  # a model may make a number up, or put one together again
    if category is None and not summary:
        raise _no_answer("neither category nor summary", "one of them at least")
    if _UNSHOWN.search(given.model):
        raise _no_answer("a name that cannot be shown", "the model's name")
    return given.model_copy(update={"summary": summary or None})


def mask(words: str, deps: SuggestDeps) -> str:
    """Words with nothing personal in them that the hub can find."""
    shown = _DOOR.sub("*", redact(words).text)
    for one in deps.redactors:
        shown = one(shown)
    return shown


def _masked(deps: SuggestDeps, wanted: Wanted) -> tuple[str, ...]:
    left = MOST_CHARS
    texts = []
    for title, words in wanted.texts:
        # Masked before it is cut: half a number is found by nobody.
        shown = mask(said_words(title, words), deps)[:left]
        if shown:
            texts.append(shown)
        left -= len(shown)
    return tuple(texts) or ("",)


def _choices(deps: SuggestDeps, subject: str, entries: object) -> tuple[Choice, ...]:
    if subject != "demand":
        return ()
    return tuple(Choice(code=one.code, l1=one.l1, name=one.name) for one in entries)  # type: ignore[attr-defined]


def _let_go(deps: SuggestDeps, classifier: AnyClassifier) -> None:
    try:
        guard(
            classifier.close, timeout_s=deps.settings.timeout_s, what=f"classifier {classifier.name}: close"
        )
    except HubError:
        pass  # what it holds goes with the process


def _problem(deps: SuggestDeps, exc: HubError) -> Problem:
    where = f"classifier {deps.settings.classifier}"
    return Problem(where=where, code=exc.code.value, message=exc.message)


def _no_answer(found: str, expected: str) -> SourceContractError:
    return SourceContractError(
        f"classifier: it gave {found} (expected {expected}); nothing is suggested for these words: look at the model, or at its plugin",
        code=Code.PAGE_SHAPE,
    )


def unknown(name: str, known: list[str]) -> ConfigError:
    """No plugin brings the configured classifier."""
    return ConfigError(
        f"suggest.classifier: no plugin brings {name!r} (known: {', '.join(known) or 'none'}); install its distribution, correct the "
        "name in hub.yaml, or leave it out: the hub is whole without",
        code=Code.CONFIG_INVALID,
    )
