"""Which demands are about one matter."""

import random
import re
from dataclasses import replace
from typing import Any

import orjson
import pytest
import rjieba
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.errors import HubError
from hub.text.matter import Member, Outcome, Thresholds, decide, find
from hub.text.matter_language import (
    OPEN,
    PART,
    SPOKEN,
    STOP,
    Lately,
    is_known,
    kind_in,
    language,
    may_name,
)
from hub.text.matter_memory import MemoryGrouping, MemoryPostings
from hub.text.matter_packed import NOT_ALIKE, likenesses
from hub.text.matter_place import Nearness, Place, regions_apart
from hub.text.matter_vector import (
    MOST_FEATURES,
    Vector,
    WordCounts,
    WordModel,
    as_kept,
    score,
    vector,
)
from hub.text.matter_words import BODY_CHARS, LINES, _Reading, read_words
from tests.unit.matter_messages import MESSAGES

NO_COUNTS = WordModel("none")
PLANT = ("投诉云栖新城搅拌站噪音扰民", "云栖新城旁边的搅拌站晚上生产，粉尘很大，业主睡不着。")
PLANT_TOO = ("云栖新城小区附近的搅拌站什么时候搬走", "搅拌站离云栖新城太近，夜里噪音和粉尘影响业主睡觉。")


def grouped(messages):
    grouping = MemoryGrouping()
    for number, (_, title, body) in messages:
        grouping.add(str(number), title, body)
    return grouping


def b_cubed(messages, matters):
    """Precision over all messages; recall over those that tell a matter of several."""
    truth = {str(number): matter if matter != "-" else number for number, (matter, _, _) in messages}
    precision = recall = told = 0.0
    for one in truth:
        together = {other for other in truth if matters[other] == matters[one]}
        right = {other for other in truth if truth[other] == truth[one]}
        precision += len(together & right) / len(together)
        if len(right) > 1:
            told += 1
            recall += len(together & right) / len(right)
    return precision / len(truth), recall / told


@pytest.mark.parametrize("seed", range(5))
def test_messages_of_one_matter_join_and_those_that_only_look_alike_do_not_in_any_order(seed):
    messages = random.Random(seed).sample(list(enumerate(MESSAGES)), len(MESSAGES))
    precision, recall = b_cubed(messages, grouped(messages).matters)
    assert precision >= 0.97
    assert recall >= 0.55


@pytest.mark.parametrize("seed", range(3))
def test_of_what_is_one_matter_three_in_four_are_joined_or_suggested(seed):
    messages = random.Random(seed).sample(list(enumerate(MESSAGES)), len(MESSAGES))
    grouping, found = grouped(messages), []
    met: dict[str, set[str]] = {}
    for number, (matter, _, _) in messages:
        if matter in met:
            decision = grouping.decisions[str(number)]
            found.append(bool({one.demand_id for one in decision.nearest} & met[matter]))
        if matter != "-":
            met.setdefault(matter, set()).add(str(number))
    assert sum(found) / len(found) >= 0.75


def test_the_same_order_gives_the_same_decisions():
    messages = list(enumerate(MESSAGES))
    assert grouped(messages).decisions == grouped(messages).decisions


def test_a_decision_is_replayed_from_stored_vectors_whatever_was_counted_since():
    grouping = grouped(enumerate(MESSAGES))
    kept = [
        member._replace(vector=Vector.from_bytes(member.vector.to_bytes()))
        for member in grouping.postings.members
    ]
    postings = MemoryPostings(each=grouping.thresholds.postings)
    for member in kept:
        found = find(member.vector, postings, grouping.thresholds)
        again = decide(member.vector, member.place, reversed(found), grouping.thresholds)
        assert again == grouping.decisions[member.demand_id]
        postings.add(member, words=grouping.thresholds.words)


def test_a_decision_says_why():
    grouping = MemoryGrouping()
    grouping.add("1", *PLANT)
    decision = grouping.add("2", *PLANT_TOO)
    assert decision.outcome is Outcome.JOIN
    assert decision.matter_id == grouping.matters["1"]
    assert decision.nearness is Nearness.SAME
    assert "搅拌站" in decision.shared_words
    assert [one.demand_id for one in decision.nearest] == ["1"]
    assert (decision.thresholds, decision.model) == (Thresholds().version, "none")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Place("p1"), Place("p2")),
        (Place(region_code="411521100000"), Place(region_code="411521101000")),
        (Place("p1", "411521"), Place(None, "411522")),
    ],
)
def test_demands_at_different_places_never_join_however_alike_their_texts(one, other):
    grouping = MemoryGrouping()
    grouping.add("1", *PLANT, one)
    assert grouping.add("2", *PLANT, other).outcome is Outcome.NEW


def test_a_matter_with_a_member_at_another_place_is_not_joined_through_a_member_without_one():
    text = vector(*PLANT, NO_COUNTS)
    here, there = Member("1", "m", text, Place("p1")), Member("2", "m", text)
    assert decide(text, Place("p2"), [here, there], Thresholds()).outcome is Outcome.NEW
    assert decide(text, Place("p1"), [here, there], Thresholds()).outcome is Outcome.JOIN


def test_a_village_within_a_township_is_no_other_place():
    grouping = MemoryGrouping()
    grouping.add("1", *PLANT, Place(region_code="411521100000"))
    assert grouping.add("2", *PLANT_TOO, Place(region_code="411521100203")).outcome is Outcome.JOIN


def test_one_place_found_by_the_gazetteer_joins_what_names_it_in_two_ways():
    first = ("搅拌站晚上生产噪音扰民", "搅拌站夜里生产，粉尘很大，睡不着觉。")
    second = ("请管管夜里扰民的搅拌站", "搅拌站天天生产，灰尘多，噪音大，没法休息。")
    outcomes = []
    for place in (Place("p1"), Place()):
        grouping = MemoryGrouping()
        grouping.add("1", *first, place)
        outcomes.append(grouping.add("2", *second, place).outcome)
    assert outcomes[0] is Outcome.JOIN
    assert outcomes[1] is not Outcome.JOIN


@pytest.mark.parametrize(
    ("some", "others", "apart"),
    [
        (("A市",), ("A3区",), False),
        (("A3区",), ("B市",), True),
        (("A3区",), ("A7县",), True),
        (("罗山县",), ("光山县",), True),
        (("信阳市",), ("罗山县",), False),
        ((), ("A市",), False),
    ],
)
def test_regions_in_texts_are_apart_only_where_neither_can_hold_the_other(some, others, apart):
    assert regions_apart(some, others) is apart
    assert regions_apart(others, some) is apart


def test_two_lines_of_buses_are_two_matters():
    grouping = MemoryGrouping()
    grouping.add("1", "86路公交车班次太少", "86路早高峰半个小时一趟，挤不上去，请增加班次。")
    assert (
        grouping.add("2", "12路公交车班次太少", "12路早高峰半个小时一趟，挤不上去，请增加班次。").outcome
        is Outcome.NEW
    )


def test_how_letters_open_and_close_makes_no_two_of_them_alike():
    one = vector("", "尊敬的领导：您好！路灯坏了。此致敬礼！盼复！", NO_COUNTS)
    other = vector("", "尊敬的领导：您好！医保怎么缴费？此致敬礼！盼复！", NO_COUNTS)
    assert score(one, other) == NOT_ALIKE


def test_a_word_that_many_texts_say_weighs_less():
    counts = WordCounts()
    for number in range(300):
        counts.add(read_words(f"搅拌站{number}", "请处理"))
    counted = counts.frozen()
    assert counted.weight("搅拌站") < NO_COUNTS.weight("搅拌站")
    assert counted.weight("投诉站") == pytest.approx(counted.weight("从未说过"))


def test_a_name_that_most_of_the_county_says_names_nothing():
    counts = WordCounts()
    for _ in range(100):
        counts.add(read_words("云栖镇的事", ""))
    assert any(feature.startswith("#云栖") for feature in vector("云栖镇的事", "", NO_COUNTS).weights)
    assert not any(
        feature.startswith("#云栖") for feature in vector("云栖镇的事", "", counts.frozen()).weights
    )


def test_what_is_counted_gives_a_new_version_only_when_it_differs():
    counts = WordCounts()
    for _, title, body in MESSAGES:
        counts.add(read_words(title, body))
    model = counts.frozen()
    assert counts.frozen() == model
    assert WordModel.from_bytes(model.to_bytes()) == model
    counts.add(read_words("又一件", "事"))
    assert counts.frozen().version != model.version


def test_counts_of_ever_new_words_stay_bounded(monkeypatch):
    monkeypatch.setattr("hub.text.matter_vector.MOST_COUNTED", 200)
    counts = WordCounts()
    for number in range(300):
        counts.add(read_words("", f"abc{number} def{number} ghi{number}"))
        counts.add(read_words("搅拌站噪音", ""))
    assert len(counts.frozen().counts) <= 200
    assert counts.frozen().counts["搅拌站"] == 300


def test_postings_look_at_the_newest_of_a_word_and_at_no_more_than_the_cap():
    postings = MemoryPostings(each=3)
    text = vector(*PLANT, NO_COUNTS)
    for number in range(10):
        postings.add(Member(str(number), str(number), text), words=8)
    found = postings.candidates(text.heaviest(8), each=2, most=9)
    assert [member.demand_id for member in found] == ["9", "8"]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "\0",
        "？",
        "噪" * 1_000_000,
        "a" * 1_000_000,
        "<b>" * 300_000,
        "\ud800",
        "1" * 5_000,
        "🙂" * 5_000,
        "路" * 700,
    ],
    ids=[
        "empty",
        "nul",
        "stop",
        "one character",
        "one word",
        "tags",
        "surrogate",
        "digits",
        "smileys",
        "endings",
    ],
)
def test_a_hostile_text_has_a_bounded_vector_and_joins_nothing(body):
    read = read_words(body, body)
    assert sum(map(len, read.body)) <= 3 * BODY_CHARS
    text = vector(body, body, NO_COUNTS)
    assert len(text.weights) <= MOST_FEATURES
    stored = Member("1", "m", vector(*PLANT, NO_COUNTS))
    assert decide(text, Place(), [stored], Thresholds()).outcome is Outcome.NEW


@pytest.mark.parametrize(
    "kept", [b"", b"[]", b"{}", b"\x03", b"\x03\x01[]", b'{"form":1}', b'{"form":9,"model":"x"}', b"\xff"]
)
def test_stored_bytes_that_are_none_of_ours_are_a_clear_error(kept):
    with pytest.raises(HubError, match="cannot be read"):
        Vector.from_bytes(kept)
    with pytest.raises(HubError, match="cannot be read"):
        WordModel.from_bytes(kept)


CHARACTERS = st.text(
    alphabet=st.sampled_from("噪音扰民搅拌站新城小区路88栋A3区，。的 云栖abc投诉"), max_size=80
)


@settings(max_examples=60, deadline=None)
@given(CHARACTERS, CHARACTERS, CHARACTERS, CHARACTERS)
def test_likeness_is_the_same_both_ways_and_between_nothing_and_all(title, body, other_title, other_body):
    one, other = vector(title, body, NO_COUNTS), vector(other_title, other_body, NO_COUNTS)
    alike = score(one, other)
    assert alike == score(other, one)
    assert all(0 <= figure <= 1 for figure in alike[:4])
    assert Vector.from_bytes(one.to_bytes()) == one


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(8)))
def test_the_order_of_candidates_makes_no_difference(order):
    members = [
        Member(str(number), f"m{number % 3}", vector(title, body, NO_COUNTS))
        for number, (_, title, body) in enumerate(MESSAGES[:8])
    ]
    text = vector(*PLANT, NO_COUNTS)
    expected = decide(text, Place(), members, Thresholds())
    assert decide(text, Place(), [members[at] for at in order], Thresholds()) == expected


def test_thresholds_decide_between_joining_and_suggesting():
    one, other = vector(*PLANT, NO_COUNTS), Member("1", "m", vector(*PLANT_TOO, NO_COUNTS))
    strength = decide(one, Place(), [other], Thresholds()).score
    for join, outcome in ((strength - 0.01, Outcome.JOIN), (strength + 0.01, Outcome.SUGGEST)):
        assert decide(one, Place(), [other], replace(Thresholds(), join_same=join)).outcome is outcome


def plainly_alike(one, other):
    """The figures of a likeness as they are defined, word by word."""
    mine, kept = one.weights, other.weights
    both, in_names = mine.keys() & kept.keys(), one.place_words | other.place_words

    def counted(features):
        names = [feature for feature in features if feature[0] == "#" or feature in in_names]
        lines = [one for one in names if one[0] == "#" and one[1].isdigit() and one.endswith(LINES)]
        return len(names) + 2 * len(lines), len(features) - len(names)

    def share(at, least, most):
        possible = min(counted(mine)[at], counted(kept)[at])
        return min(1.0, counted(both)[at] / max(least, min(possible / 4, most)))

    def about(text, others):
        said = text.title - in_names
        total = sum(text.weights[feature] for feature in said)
        return sum(text.weights[feature] for feature in said & others.keys()) / total if total else 0.0

    whole = min(1.0, sum(mine[feature] * kept[feature] for feature in both))
    if whole < 0.1:
        return NOT_ALIKE[:4]
    return share(0, 3, 6), share(1, 3, 8), (about(one, kept) + about(other, mine)) / 2, whole


def test_many_pairs_worked_out_at_once_are_as_alike_as_each_is_by_definition():
    texts = [vector(title, body, NO_COUNTS) for _, title, body in MESSAGES]
    texts += [vector("", "", NO_COUNTS), vector("204路改线", "204路绕开88栋，102路也改", NO_COUNTS)]
    kept = [one.to_bytes() for one in texts]
    wanted = [(at, random.Random(at).sample(range(len(kept)), 40)) for at in range(len(kept))]
    found = likenesses(kept, kept, wanted)
    alone = [
        [likenesses([kept[at]], [kept[other]], [(0, [0])])[0][0] for other in others] for at, others in wanted
    ]
    assert found == alone
    alike = 0
    for (at, others), row in zip(wanted, found, strict=True):
        for other, likeness in zip(others, row, strict=True):
            assert likeness[:4] == pytest.approx(plainly_alike(texts[at], texts[other]), abs=1e-12)
            alike += likeness is not NOT_ALIKE
    assert alike > 100


def in_form_2(one):
    """A vector as earlier versions kept it."""
    at = {feature: place for place, feature in enumerate(one.weights)}
    weights = [round(weight * 100_000) for weight in one.weights.values()]
    title, place_words = (sorted(at[word] for word in words) for words in (one.title, one.place_words))
    told = (2, one.model, "\n".join(one.weights), weights, title, place_words, one.places, one.title_places)
    return orjson.dumps((*told, one.regions, (0, 0)))


def test_a_vector_that_an_earlier_version_kept_is_the_vector_that_it_was():
    for _, title, body in (*MESSAGES, ("", "", "")):
        one = vector(title, body, NO_COUNTS)
        assert Vector.from_bytes(in_form_2(one)) == one
        assert as_kept(in_form_2(one)) == one.to_bytes() == as_kept(one.to_bytes())


def plainly_read(text):
    """Pairs of names, places and words of places of a text, word by word: what `read_words` finds by looking at one word in six."""
    lists = language()
    names: list[Any] = []
    places: list[Any] = []
    place_words: list[Any] = []
    run: list[Any] = []
    before, before_is_open, before_is_proper = "", False, False
    for word, tag in rjieba.tag(text):
        marks, _, pairs_of_word, ending = kind_in(word, tag)
        is_stop, is_open = bool(marks & STOP), bool(marks & OPEN)
        if not marks & SPOKEN:
            run.clear()
            before = ""
            continue
        names += pairs_of_word
        is_proper = (
            is_known(word) and not is_stop and len(word) > 1 and tag in ("ns", "nr", "nz", "nt", "nrt")
        )
        if before and not is_stop:
            if (is_open or before_is_open) and may_name(before[-1] + word[0]):
                names.append(before[-1] + word[0])
            if is_proper and before_is_open:
                place_words.append(word)
            elif is_open and before_is_proper:
                place_words.append(before)
        core = "".join((*run, word.removesuffix(ending or "")))[-10:]
        if ending is not None and len(core) > 1 and core not in lists.no_names:
            places.append(core)
            place_words += [*run, word] if word != ending else run
        if ending is not None and (len(core) > 1 or word != ending):
            run.clear()
        elif marks & PART:
            run = [*run, word][-4:]
        else:
            run.clear()
        before, before_is_open, before_is_proper = ("" if is_stop else word), is_open, is_proper
    return names, places, set(place_words)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from([*(one[2] for one in MESSAGES), "204路", "太长", "村", "路路村"]), max_size=4),
    st.randoms(),
)
def test_names_are_those_that_a_look_at_every_word_finds(texts, draw):
    cut = list("".join(texts)[:300])
    for _ in range(len(cut) // 8):  # words that no dictionary has, at the borders of what it has
        cut.insert(draw.randrange(len(cut)), draw.choice(cut))
    text = re.sub(r"\s|\d", "", "".join(cut))
    read = _Reading(text, language())
    assert (read.names, read.places, set(read.place_words)) == plainly_read(text)


def test_what_is_known_of_words_is_bounded_and_of_those_met_again_not_forgotten():
    asked: list[str] = []

    def known(word: str) -> int:
        asked.append(word)
        return len(word)

    lately = Lately(known, 20)
    for number in range(1000):
        assert lately["again"] == 5
        assert lately[f"once {number}"] == len(f"once {number}")
        assert len(lately) + len(lately._before) <= 20
    assert asked.count("again") == 1
    assert len(asked) == 1001
