"""What several texts have in common is told in words."""

from __future__ import annotations

import random

from hub.text.shared import READ, shared_words

LOUD = [
    ("云栖新城小区旁搅拌站夜间噪音", "云栖新城小区旁的搅拌站每天夜里施工，噪音很大。"),
    ("搅拌站什么时候搬走", "云栖新城小区附近的搅拌站粉尘大，噪音扰民。"),
    ("请治理搅拌站", "搅拌站的噪音让云栖新城小区居民无法休息。"),
]


def test_the_words_that_most_texts_share_come_first_with_their_number() -> None:
    found = shared_words(LOUD)
    assert ("搅拌站", 3) in found or ("搅拌", 3) in found
    assert ("噪音", 3) in found
    assert found == sorted(found, key=lambda one: -one[1])


def test_the_order_of_the_texts_makes_no_difference() -> None:
    mixed = list(LOUD)
    random.Random(3).shuffle(mixed)
    assert shared_words(mixed) == shared_words(LOUD)


def test_a_word_within_a_longer_shared_one_is_not_told_twice() -> None:
    words = [word for word, _ in shared_words(LOUD, most=50)]
    assert not [one for one in words for other in words if one != other and one in other]


def test_one_text_shares_nothing_and_masked_names_are_no_words() -> None:
    assert shared_words(LOUD[:1]) == []
    assert not [
        word for word, _ in shared_words([("张**来电", "张**反映"), ("张**来电", "张**反映")]) if "*" in word
    ]


def test_no_more_than_some_texts_are_read() -> None:
    assert shared_words([("停水", "家里停水")] * (READ + 50))[0][1] == READ
