"""The grouping of matters within this process: for tests and measurements. The hub keeps the same in tables."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence

from hub.text.matter import Decision, Member, Outcome, Thresholds, decide, find
from hub.text.matter_place import Place
from hub.text.matter_vector import WordCounts, WordModel, weigh
from hub.text.matter_words import read_words


class MemoryPostings:
    """Postings in memory, newest last; no feature keeps more than ``each`` of them."""

    def __init__(self, *, each: int) -> None:
        self.members: list[Member] = []
        self._by_feature: dict[str, deque[tuple[int, float]]] = defaultdict(lambda: deque(maxlen=each))

    def add(self, member: Member, *, words: int) -> None:
        """Keeps a demand under its heaviest features, so many of them."""
        at = len(self.members)
        self.members.append(member)
        for feature, weight in member.vector.heaviest(words):
            self._by_feature[feature].append((at, weight))

    def candidates(self, features: Sequence[tuple[str, float]], *, each: int, most: int) -> Sequence[Member]:
        """As `hub.text.matter.Postings` asks for."""
        sums: dict[int, float] = defaultdict(float)
        for feature, weight in features:
            if feature in self._by_feature:
                for at, kept in list(self._by_feature[feature])[-each:]:
                    sums[at] += weight * kept
        ranked = sorted(sums, key=lambda at: (-sums[at], -at))[:most]
        return [self.members[at] for at in ranked]


class MemoryGrouping:
    """Groups demands in the order in which they come, with a word model that is made anew as they grow in number.

    Attributes:
        matters: Demand to matter.
        decisions: Demand to what was decided.
        model: The word model that the next demand is weighed by.
        models: Every version made so far.
    """

    def __init__(self, thresholds: Thresholds | None = None) -> None:
        self.thresholds = thresholds or Thresholds()
        self.postings = MemoryPostings(each=self.thresholds.postings)
        self.model = WordModel("none")
        self.models = {self.model.version: self.model}
        self.matters: dict[str, str] = {}
        self.decisions: dict[str, Decision] = {}
        self._counts = WordCounts()

    def add(self, demand_id: str, title: str, body: str, place: Place | None = None) -> Decision:
        """What is decided on a demand; it is kept, in the matter that it joins or in one of its own."""
        words, place = read_words(title, body), place or Place()
        vector = weigh(words, self.model)
        decision = decide(vector, place, find(vector, self.postings, self.thresholds), self.thresholds)
        joined = decision.matter_id if decision.outcome is Outcome.JOIN else None
        matter_id = joined if joined is not None else f"matter of {demand_id}"
        self.matters[demand_id], self.decisions[demand_id] = matter_id, decision
        self.postings.add(Member(demand_id, matter_id, vector, place), words=self.thresholds.words)
        self._counts.add(words)
        if self._counts.is_due(self.model):
            self.model = self._counts.frozen()
            self.models[self.model.version] = self.model
        return decision
