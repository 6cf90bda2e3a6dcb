"""The decision to tell again beside a real Alertmanager's, on the same alerts at the same flushes."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hub.model.telling import COUNTY, Cause, Policy, Seen, Tell, Told, tell_again, told_by
from tests.support import alertmanager as am
from tests.support.alertmanager import Event, Notified, Silenced, Timeline
from tests.support.left_out import find_program

STEPS = 10
T0 = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
# What the peer is set to; the end of things is told, and what has not changed is told again.
AS_PEER = Policy(timedelta(0), repeat_after=timedelta(seconds=am.REPEAT_S), tells_ends=True)


def line(name: str, script: str, *silences: Silenced) -> Timeline:
    """A timeline out of words such as ``+a@0 -a@3``."""
    events = [
        Event(int(step), who[1:], who[0] == "+") for who, step in (w.split("@") for w in script.split())
    ]
    return Timeline(name, tuple(events), silences)


SCRIPTED = (
    line("one", "+a@0"),
    line("one-ends-at-once", "+a@0 -a@1"),
    line("one-ends-after-a-repeat", "+a@0 -a@5"),
    line("ends-before-the-first-flush-of-another", "+a@0 -a@1 +b@3"),
    line("grows", "+a@0 +b@2"),
    line("grows-every-time", "+a@0 +b@1 +c@2 +d@3 +e@4"),
    line("grows-after-a-repeat", "+a@0 +b@4 +c@8"),
    line("eases", "+a@0 +b@0 -b@2"),
    line("eases-then-ends", "+a@0 +b@0 -b@2 -a@4"),
    line("one-goes-as-another-comes", "+a@0 -a@2 +b@2"),
    line("all-end-together", "+a@0 +b@0 +c@0 -a@3 -b@3 -c@3"),
    line("back-after-the-end", "+a@0 -a@2 +a@4"),
    line("back-before-anybody-was-told-of-the-end", "+a@0 -a@2 +a@3"),
    line("another-after-the-end", "+a@0 -a@2 +b@5"),
    line("to-and-fro", "+a@0 -a@1 +a@2 -a@3 +a@4 -a@5 +a@6 -a@7"),
    line("a-part-to-and-fro", "+a@0 +b@0 -b@1 +b@2 -b@3 +b@4 -b@5"),
    line("late-group", "+a@4"),
    line("late-group-that-grows", "+a@3 +b@5 -a@7"),
    line("two-ends-one-after-the-other", "+a@0 +b@0 +c@0 -b@2 -c@3"),
    line("silenced-from-the-start", "+a@0", Silenced("a", 0, 4)),
    line("silenced-later", "+a@0", Silenced("a", 1, 7)),
    line("silenced-part", "+a@0 +b@2", Silenced("b", 2, 5)),
    line("silenced-and-over-before-it-is-told", "+a@0 +b@2 -b@3", Silenced("b", 2, 6)),
    line("silenced-for-ever", "+a@0 +b@0", Silenced("a", 0, 30), Silenced("b", 0, 30)),
)


def _random(seed: int) -> Timeline:
    """Up to four alerts that come and go; one that begins and ends between two flushes does not occur here."""
    rng = random.Random(seed)
    events: list[Event] = []
    for member in "abcd"[: rng.randint(1, 4)]:
        step, fires = rng.randint(0, 4), True
        while step < STEPS:
            events.append(Event(step, member, fires))
            step += rng.choice((1, 1, 2, 3, 4))
            fires = not fires
    return Timeline(f"random-{seed}", tuple(events))


# Its end is the first that Alertmanager says of it; the function does not tell the end of what nobody heard of.
NEVER_TOLD = line("ends-untold", "+a@0 +b@2 -b@4", Silenced("b", 2, 4))
TIMELINES = (*SCRIPTED, *(_random(seed) for seed in range(24)))


def of_ours(timeline: Timeline, policy: Policy, *, step_s: float = am.STEP_S) -> list[tuple[Notified, Cause]]:
    """What the function says, asked at each flush of the timeline's group."""
    told: Told | None = None
    said: list[tuple[Notified, Cause]] = []
    for flush in range(STEPS - timeline.first_step):
        standing, ended = timeline.at_flush(flush)
        now = T0 + timedelta(seconds=flush * step_s)
        seen = Seen(1, standing, ended)
        answer = tell_again(told, seen, now, policy)
        if isinstance(answer, Tell):
            told = told_by(seen, now)
            said.append((Notified(flush, standing, ended), answer.cause))
    return said


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, tuple[Notified, ...]]:
    """What a real Alertmanager told, by timeline; all of them at once, within half a minute."""
    program = find_program("prometheus-alertmanager")
    assert program is not None
    for _ in range(2):  # a second try where the machine stalled: what was played out of step is not compared
        try:
            return _played(program, tmp_path_factory.mktemp("alertmanager"))
        except am.OutOfStep:
            continue
    pytest.fail(
        "Alertmanager was played out of step twice: this machine is too busy to compare it with anything"
    )


def _played(program: Path, folder: Path) -> Mapping[str, tuple[Notified, ...]]:
    with am.alertmanager(program, folder) as (address, receiver):
        return am.play(address, receiver, (*TIMELINES, NEVER_TOLD), STEPS)


@pytest.mark.debian("prometheus-alertmanager")
@pytest.mark.parametrize("timeline", TIMELINES, ids=lambda one: one.name)
def test_the_function_tells_when_alertmanager_tells_and_the_same(timeline: Timeline, peer) -> None:
    assert [one for one, _ in of_ours(timeline, AS_PEER)] == list(peer[timeline.name])


@pytest.mark.debian("prometheus-alertmanager")
def test_the_timelines_hold_every_cause_that_alertmanager_knows(peer) -> None:
    causes = {cause for timeline in TIMELINES for _, cause in of_ours(timeline, AS_PEER)}
    assert causes == set(Cause) - {Cause.RAISED}  # it has no levels: another severity is another alert
    assert sum(len(told) for told in peer.values()) > 150


@pytest.mark.debian("prometheus-alertmanager")
def test_the_end_of_what_nobody_was_told_of_is_not_told(peer) -> None:
    a, b = frozenset("a"), frozenset("b")
    first, again = Notified(0, a, frozenset()), Notified(3, a, frozenset())
    assert list(peer[NEVER_TOLD.name])[:3] == [first, again, Notified(4, a, b)]
    assert [one for one, _ in of_ours(NEVER_TOLD, AS_PEER)][:3] == [first, again, Notified(6, a, frozenset())]


@pytest.mark.debian("prometheus-alertmanager")
@pytest.mark.parametrize("timeline", TIMELINES, ids=lambda one: one.name)
def test_where_the_county_says_less_than_alertmanager_it_is_one_of_the_wanted_differences(
    timeline: Timeline, peer
) -> None:
    """Wanted: no repeating of what has not changed, no message at the end of a part, growth told once in seven days."""
    a_flush_a_day = 86_400.0
    ours = {one.flush: (one, cause) for one, cause in of_ours(timeline, COUNTY, step_s=a_flush_a_day)}
    theirs = {one.flush: one for one in peer[timeline.name]}
    known: frozenset[str] = frozenset()
    told_on = -7
    for flush in range(STEPS):
        if flush in ours:
            one, cause = ours[flush]
            put_off = cause is Cause.GROWN and flush - told_on >= 7
            assert flush in theirs or put_off, one
            known, told_on = one.standing, flush
        elif flush in theirs:
            unchanged = theirs[flush].standing <= known
            within_the_quiet = flush - told_on < 7
            assert unchanged or within_the_quiet, theirs[flush]
