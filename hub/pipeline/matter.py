"""Same matter (同一诉求，并案): puts each new demand into a matter before the rules see it; after its place, for place is a gate.

Part of evaluate, in short transactions of its own. One process at a time groups, and takes the work rows in their order: so what
came in the same order ends in the same matters, however many processes and batches there were. A demand stays where it was put
unless its text, place or protection changed so much that it is another matter, and where a person put it it stays anyway.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, NamedTuple

from hub.model.ids import new_ulid
from hub.pipeline.matter_why import explained
from hub.pipeline.routing import is_protected
from hub.store import matter_index, matters, routes, work
from hub.store.engine import Connection
from hub.store.matter_index import ENTRY, QUARTER_DAYS, WEIGHT_UNIT, Key, State
from hub.store.matters import Change, Put, Said
from hub.text.matter import Member, Outcome, Thresholds, decide
from hub.text.matter_packed import Likeness, Packed, likenesses
from hub.text.matter_place import Place, places_apart
from hub.text.matter_vector import Vector, WordCounts, WordModel, as_kept, due_at, mentions, score, weigh
from hub.text.matter_words import read_words

if TYPE_CHECKING:
    from hub.pipeline.deps import PipelineDeps

AT_ONCE = 500
"""Demands of one transaction, and somewhat more where a single work row holds more."""
_PART = 500
"""Demands whose candidates are in memory at once: ten of 1.2 kB for each."""
_REMEMBERED = 12_288
"""Texts of 1.2 kB that are not asked for again."""
STILL_ALIKE = 0.7
"""A changed text with this cosine to the one that was grouped is still about the same."""
SAME_RECORD = "same_record"
KEPT = "kept"
_AT, _AT_WEIGHT = "@", 0.4
"""Before a place's id where demands are looked up by it, and what it weighs there: as much as a text's heaviest word. Who tells of one trouble in
words that many places share is found by his place; the decision does not see it."""
_PROTECTED = "!"  # before the features of what is protected: it is found by its like alone


class Text(NamedTuple):
    """A frozen text as others are compared with it; which matter its demand is in is asked anew each time."""

    demand_id: str
    vector: Packed
    place: Place


@dataclass(slots=True)
class MatterBook:
    """What this process remembers between passes: the word model in use, and texts, which are frozen under their number."""

    thresholds: Thresholds = field(default_factory=Thresholds)
    model: WordModel = field(default_factory=lambda: WordModel(matter_index.NO_MODEL))
    texts: OrderedDict[int, Text] = field(default_factory=OrderedDict)

    def remember(self, texts: Mapping[int, Text]) -> None:
        """Keeps these texts, which are committed, and lets those go that were kept longest."""
        self.texts.update(texts)
        while len(self.texts) > _REMEMBERED:
            self.texts.popitem(last=False)


def prepare(deps: PipelineDeps) -> int:
    """Groups what is new or changed, as many work rows as a batch of the rules has; how many demands came into a matter."""
    grouped = rows = 0
    while rows < deps.settings.batch:
        with deps.store.begin() as connection:
            if not matter_index.try_lock(connection):
                break  # whoever groups now takes these rows, too, and lets the rules have them
            jobs = work.claim_ungrouped(connection, deps.clock.now(), AT_ONCE)
            if not jobs:
                break
            demand_ids = [demand_id for _, demands in jobs for demand_id in demands]
            one = _Pass(deps, connection)
            grouped += one.run(demand_ids)
            work.mark_grouped(connection, [work_id for work_id, _ in jobs])
        deps.matters.remember(one.texts)
        rows += len(jobs)
        if len(demand_ids) < AT_ONCE and len(jobs) < work.MOST_ROWS:
            break  # that was all that waited
    return grouped


class _Fresh(NamedTuple):
    """A demand that is to be put into a matter, with all that it is compared by."""

    said: Said
    digest: bytes
    protected: bool
    place: Place
    day: int
    counted: Collection[str]  # its features, for the next word model; none where they were counted before
    vector: Vector
    keys: tuple[tuple[str, float], ...]


class _Pass:
    """One transaction of the grouping."""

    def __init__(self, deps: PipelineDeps, connection: Connection) -> None:
        self.connection, self.book, self.now = connection, deps.matters, deps.clock.now()
        self.limits = deps.matters.thresholds
        self.state = matter_index.state(connection)
        if self.book.model.version != self.state.model:
            self.book.model = matter_index.model(connection, self.state.model)
        self.model = self.book.model
        self.remembered = deps.matters.texts
        self.texts: dict[int, Text] = {}  # that are committed with this pass

    def run(self, demand_ids: Sequence[str]) -> int:
        said = matters.said(self.connection, demand_ids)
        grouped = 0
        waiting = iter(said)
        while True:
            # The next word model weighs from the very text on at which it is due, wherever a batch begins or ends.
            room = due_at(self.model) - self.state.texts
            part = list(islice(waiting, min(_PART, room)))
            if not part:
                break
            grouped += _Part(self, part).run()
            if self.state.texts >= due_at(self.model):
                self._next_model()
        matter_index.keep_state(self.connection, self.state)
        return grouped

    def texts_of(self, seqs: Iterable[int]) -> tuple[dict[int, Text], list[int]]:
        """Those frozen texts that are in memory, and the numbers of the others."""
        known: dict[int, Text] = {}
        unknown: list[int] = []
        for seq in seqs:
            text = self.texts.get(seq) or self.remembered.get(seq)
            if text is None:
                unknown.append(seq)
            else:
                known[seq] = text
        return known, unknown

    def _next_model(self) -> None:
        counts = WordCounts(self.model)
        for texts, features in matter_index.take_counts(self.connection):
            counts.add_counts(texts, features)
        self.model = counts.frozen()
        # A model leaves out what one text says; a second may say it later.
        matter_index.keep_counts(self.connection, 0, counts.said_once())
        matter_index.keep_model(self.connection, self.model, self.now)
        self.state = self.state._replace(model=self.model.version, texts=counts.texts)


class _Part:
    """Some demands of a pass, decided one after the other in the order in which they came."""

    def __init__(self, whole: _Pass, said: Sequence[Said]) -> None:
        self.whole, self.connection, self.now, self.limits = whole, whole.connection, whole.now, whole.limits
        self.said = said
        self.places: dict[
            str, tuple[int, str, bool]
        ] = {}  # demand -> number, matter and protection that it has got here
        self.lists: dict[Key, bytes] = {}
        self.written: set[Key] = set()
        self.members: dict[int, Member] = {}
        self.where: dict[str, set[Place]] = {}
        """Matter -> where those members are that nobody has looked at here."""
        self.here: dict[str, set[Place]] = defaultdict(set)
        """Matter -> where those are that came or stayed here."""
        self.moved: set[str] = set()  # that were in a matter before, and have been looked at here
        self.stayed: set[str] = set()
        self.puts: list[Put] = []
        self.begun: list[tuple[str, str, bool]] = []
        self.grown: Counter[str] = Counter()
        self.left: list[Change] = []
        self.suggested: list[tuple[str, str, float, int]] = []

    def run(self) -> int:
        self.twins = self._twins()
        fresh = self._fresh()
        if fresh:
            self._look_up(fresh)
            before = [one.said.demand_id for one in fresh if one.said.matter_id is not None]
            self.refused = matters.refused(self.connection, before) if before else frozenset()
            for at, one in enumerate(fresh):
                self._settle(one, self.seqs[at], self.alike[at])
            self._write(fresh)
        return len(fresh)

    def _twins(self) -> dict[str, list[str]]:
        """For each demand the same record by another route."""
        twins: dict[str, list[str]] = defaultdict(list)
        for one, other in routes.told(self.connection, [one.demand_id for one in self.said]):
            twins[one].append(other)
            twins[other].append(one)
        wanted = {other for one in self.said for other in twins.get(one.demand_id, ())}
        self.homes = matters.of(self.connection, wanted) if wanted else {}
        return twins

    def _fresh(self) -> list[_Fresh]:
        fresh = []
        for one in self.said:
            if one.gone:
                continue
            protected = one.report or is_protected(one.labels)
            digest = _digest(one, protected)
            if one.said == digest and not self._elsewhere(one, protected=protected):
                continue
            words = read_words(one.title, one.text)
            features = mentions(words)
            vector = weigh(words, self.whole.model, features)
            place = Place(one.place_id, one.region_code)
            mark = _PROTECTED if protected else ""
            features_of = vector.heaviest(self.limits.words)
            if place.place_id is not None:
                features_of += ((_AT + place.place_id, _AT_WEIGHT),)
            keys = tuple((mark + feature, weight) for feature, weight in features_of)
            day = matter_index.day_of(one.submitted_at)
            counted = features.keys() if one.matter_id is None and not protected else ()
            fresh.append(_Fresh(one, digest, protected, place, day, counted, vector, keys))
        return fresh

    def _elsewhere(self, one: Said, *, protected: bool) -> bool:
        """Whether the same record by another route is in another matter, of the same protection."""
        twins = (self.homes.get(other) for other in self.twins.get(one.demand_id, ()))
        homes = {home[0] for home in twins if home is not None and home[1] == protected}
        return bool(homes) and not one.held and one.matter_id not in homes

    def _stays(self, fresh: _Fresh) -> bool:
        """Whether a demand that is in a matter stays there, whatever it says now: it changed, but not so much that it is another."""
        one = fresh.said
        if one.matter_id is None or one.matter_protected != fresh.protected:
            return False  # of what is protected nothing may show in a matter that others see (P8)
        if one.held:
            return True
        if self._elsewhere(one, protected=fresh.protected) or self._is_elsewhere(fresh, one.matter_id):
            return False
        assert one.seq is not None
        then = matter_index.kept(self.connection, one.seq)
        return score(fresh.vector, Vector.from_bytes(then.vector)).whole >= STILL_ALIKE

    def _look_up(self, fresh: Sequence[_Fresh]) -> None:
        """Finds the candidates of each demand, and then all of them at once."""
        wanted = {(feature, one.day // QUARTER_DAYS) for one in fresh for feature, _ in one.keys}
        self.lists = matter_index.postings(self.connection, wanted)
        self.there = frozenset(self.lists)
        self.seqs = range(self.whole.state.last_seq + 1, self.whole.state.last_seq + 1 + len(fresh))
        self.found: list[list[int]] = []
        for seq, one in zip(self.seqs, fresh, strict=True):
            self.found.append(matter_index.rank(self.lists, one.keys, one.day, self.limits.candidates))
            self._post(one, seq)
        self._read_candidates(fresh)
        self.alike = self._compared(fresh)

    def _read_candidates(self, fresh: Sequence[_Fresh]) -> None:
        """Reads which matters the candidates are in, and those of them that are not in memory."""
        before = sorted({seq for found in self.found for seq in found if seq < self.seqs.start})
        texts, unknown = self.whole.texts_of(before)
        read: dict[int, Text] = {}
        known = {seq: one.demand_id for seq, one in texts.items()}
        for row in matter_index.frozen(self.connection, known, unknown):
            if row.vector is not None:
                read[row.seq] = Text(row.demand_id, Packed(as_kept(row.vector)), row.place)
            one = read[row.seq] if row.vector is not None else texts[row.seq]
            self.members[row.seq] = Member(one.demand_id, row.matter_id, one.vector, one.place)
        self.whole.book.remember(read)
        wanted = {
            self.members[seq].matter_id
            for one, found in zip(fresh, self.found, strict=True)
            if one.place != Place()
            for seq in found
            if seq in self.members
        }
        self.where = {matter_id: set() for matter_id in wanted} | matters.places_of(self.connection, wanted)

    def _compared(self, fresh: Sequence[_Fresh]) -> list[dict[int, Likeness]]:
        """How alike each demand is to each of its candidates, all of them at once."""
        packed = {seq: one.vector.to_bytes() for seq, one in zip(self.seqs, fresh, strict=True)}
        packed |= {seq: member.vector.to_bytes() for seq, member in self.members.items()}
        at = {seq: place for place, seq in enumerate(packed)}
        found = [[seq for seq in seqs if seq in at] for seqs in self.found]
        pairs = [(place, [at[seq] for seq in seqs]) for place, seqs in enumerate(found)]
        kept = list(packed.values())
        return [
            dict(zip(*both, strict=True)) for both in zip(found, likenesses(kept, kept, pairs), strict=True)
        ]

    def _post(self, one: _Fresh, seq: int) -> None:
        most = self.limits.postings * ENTRY.size
        for feature, weight in one.keys:
            key = feature, one.day // QUARTER_DAYS
            entry = ENTRY.pack(seq, round(weight * WEIGHT_UNIT), one.day)
            self.lists[key] = (self.lists.get(key, b"") + entry)[-most:]
            self.written.add(key)

    def _settle(self, one: _Fresh, seq: int, alike: Mapping[int, Likeness]) -> None:
        """Decides on one demand and notes what is to be written."""
        demand_id, was = one.said.demand_id, one.said.matter_id
        if self._stays(one):
            assert was is not None
            self.stayed.add(demand_id)
            matter_id, why = was, {"outcome": KEPT, "matter": was}
        else:
            matter_id, why = self._decided(one, seq, alike)
        if was is not None and was != matter_id:
            self.left.append(Change("regroup", why["outcome"], was, matter_id, [demand_id]))
        self.places[demand_id] = seq, matter_id, one.protected
        text = self.whole.texts[seq] = Text(demand_id, Packed(one.vector.to_bytes()), one.place)
        self.members[seq] = Member(demand_id, matter_id, text.vector, one.place)
        self.here[matter_id].add(one.place)
        if was is not None:
            self.moved.add(demand_id)
            self.where.pop(was, None)  # read anew, without it, where it is asked for again
        put = Put(
            demand_id,
            matter_id,
            seq,
            one.said.submitted_at,
            one.digest,
            one.vector.model,
            *one.place,
            one.vector.to_bytes(),
            why,
        )
        self.puts.append(put)

    def _decided(self, one: _Fresh, seq: int, alike: Mapping[int, Likeness]) -> tuple[str, dict[str, Any]]:
        home = self._home_of_twin(one)
        if home is not None:
            twin, matter_id = home
            self._joins(one, matter_id)
            return matter_id, {"outcome": SAME_RECORD, "matter": matter_id, "with": twin}
        compared = [member for member in map(self._standing, alike) if member is not None]
        compared = [
            (at, member)
            for at, member in compared
            if member.demand_id != one.said.demand_id
            and (one.said.demand_id, member.matter_id) not in self.refused
        ]
        elsewhere = {
            matter_id
            for matter_id in {member.matter_id for _, member in compared}
            if self._is_elsewhere(one, matter_id)
        }
        compared = [(at, member) for at, member in compared if member.matter_id not in elsewhere]
        members, likeness = [member for _, member in compared], [alike[at] for at, _ in compared]
        decision = decide(one.vector, one.place, members, self.limits, likeness)
        why = explained(decision, compared)
        if decision.outcome is Outcome.JOIN:
            assert decision.matter_id is not None
            self._joins(one, decision.matter_id)
            return decision.matter_id, why
        matter_id = self._begins(one)
        if decision.outcome is Outcome.SUGGEST:
            assert decision.matter_id is not None
            self.suggested.append((one.said.demand_id, decision.matter_id, decision.score, seq))
        return matter_id, why

    def _is_elsewhere(self, one: _Fresh, matter_id: str) -> bool:
        """Whether a matter has a member at another place, be it among those that are compared or not.

        As it is with what this part has done, which is written at its end: else a batch more or less would make another matter.
        """
        if one.place == Place():
            return False
        here, own = self.here[matter_id], matter_id == one.said.matter_id
        if any(places_apart(one.place, other) for other in here):
            return True
        if own or matter_id not in self.where:
            but = {*self.moved, one.said.demand_id}
            read = matters.places_of(self.connection, (matter_id,), but=but).get(matter_id, set())
            if not own:
                self.where[matter_id] = read
        else:
            read = self.where[matter_id]
        return any(places_apart(one.place, other) for other in read)

    def _home_of_twin(self, one: _Fresh) -> tuple[str, str] | None:
        """The matter of the same record by another route, where it is in one of the same protection."""
        for twin in sorted(self.twins.get(one.said.demand_id, ())):
            here = self.places.get(twin)
            home = (here[1], here[2]) if here is not None else self.homes.get(twin)
            if home is not None and home[1] == one.protected:
                return twin, home[0]
        return None

    def _standing(self, seq: int) -> tuple[int, Member] | None:
        """A candidate as it is by now: what was put elsewhere in this part is there, and under another number."""
        member = self.members.get(seq)
        if member is None:
            return None
        here = self.places.get(member.demand_id)
        return (seq, member) if here is None or here[0] == seq else None

    def _joins(self, one: _Fresh, matter_id: str) -> None:
        if one.said.matter_id != matter_id:
            self.grown[matter_id] += 1

    def _begins(self, one: _Fresh) -> str:
        """A matter of its own: the one that it has for itself, or else a new one, which the first demand's own id names."""
        was = one.said.matter_id
        if was is None:
            matter_id = one.said.demand_id
        elif one.said.matter_protected == one.protected and not self._has_others(was, one.said.demand_id):
            return was
        else:
            matter_id = new_ulid(int(self.now.timestamp() * 1000))
        self.begun.append((matter_id, one.said.demand_id, one.protected))
        return matter_id

    def _has_others(self, matter_id: str, demand_id: str) -> bool:
        """Whether a matter has another member, with what this part has done."""
        but = {*self.moved, demand_id}
        return bool(self.here[matter_id]) or matters.has_others(self.connection, matter_id, but=but)

    def _write(self, fresh: Sequence[_Fresh]) -> None:
        connection, now, state = self.connection, self.now, self.whole.state
        matters.put(connection, self.puts, now)
        if self.begun:
            matters.begin(connection, self.begun, now)
        if self.grown:
            matters.grown(connection, self.grown, now)
        anew = [
            one.said.demand_id
            for one in fresh
            if one.said.matter_id is not None and one.said.demand_id not in self.stayed
        ]
        if anew:
            matters.void_suggestions(connection, anew, now)
        if self.suggested:
            matters.suggest(connection, self.suggested, now)
        for change in self.left:
            matters.changed(connection, change, now, by=matters.BY_STEP)
        if self.left:
            matters.recount(connection, {one.matter_id for one in self.left}, now)
        matter_index.keep_postings(
            connection, {key: self.lists[key] for key in self.written}, there=self.there
        )
        counted = [one.counted for one in fresh if one.said.matter_id is None and not one.protected]
        if counted:
            features = Counter(chain.from_iterable(counted))
            matter_index.keep_counts(connection, len(counted), features)
        self.whole.state = State(state.model, state.texts + len(counted), state.last_seq + len(fresh))


def _digest(one: Said, protected: bool) -> bytes:
    """Tells whether a demand says what it said when it was last looked at."""
    where = one.place_id or "", one.region_code or ""
    parts = (one.title, one.text, *where, "!" if protected else "", one.submitted_at.isoformat())
    return blake2b("\0".join(parts).encode(), digest_size=8).digest()
