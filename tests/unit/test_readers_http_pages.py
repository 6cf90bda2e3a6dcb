"""When paging ends, and when it must be stopped."""

import pytest

from hub.errors import Code, SourceContractError
from hub.sdk.readers.jsonpage import Records
from hub.sdk.readers.pages import PageGuard, paged
from tests.support.raw_http import RecordedLog


class Source:
    """Pages of records, as a paging interface serves them."""

    def __init__(self, *pages, total=None, behind=()):
        self.pages, self.total, self.behind, self.asked = pages, total, list(behind), []

    def __call__(self, number):
        self.asked.append(number)
        raw = list(self.pages[number - 1]) if number <= len(self.pages) else self.behind
        return Records([f'{{"id":{one}}}'.encode() for one in raw], self.total)


def _read(source, log=None, **how):
    pages = paged(source, source="portal", log=log or RecordedLog(), **how)
    return [len(page.records.raw) for page in pages]


def test_by_default_only_an_empty_page_is_the_end():
    source = Source([1, 2], [3], [4, 5], total=2)
    assert _read(source, page_size=2) == [2, 1, 2]
    assert source.asked == [1, 2, 3, 4]


def test_an_empty_source_costs_one_request():
    source = Source()
    assert _read(source) == []
    assert source.asked == [1]


def test_a_short_page_is_the_end_where_that_was_chosen():
    source = Source([1, 2], [3], [4, 5])
    assert _read(source, stop_on="short", page_size=2) == [2, 1]


def test_short_without_a_page_size_is_refused():
    with pytest.raises(ValueError, match="needs page_size"):
        _read(Source([1]), stop_on="short")


def test_the_total_is_the_end_where_that_was_chosen_and_nothing_without_one():
    assert _read(Source([1, 2], [3, 4], [5], total=4), stop_on="total") == [2, 2]
    assert _read(Source([1, 2], [3, 4], [5]), stop_on="total") == [2, 2, 1]


@pytest.mark.parametrize("total", [None, 500])
def test_the_same_page_for_ever_is_stopped_at_its_second_coming_by_name(total):
    source = Source([1, 2, 3], total=total, behind=[1, 2, 3])
    with pytest.raises(SourceContractError, match="page 2 holds the same 3 records as page 1") as refused:
        _read(source)
    assert refused.value.code is Code.PAGE_REPEATED
    assert source.asked == [1, 2]


def test_an_earlier_page_that_comes_again_is_stopped():
    with pytest.raises(SourceContractError, match="page 3 holds the same 2 records as page 1"):
        _read(Source([1, 2], [3, 4], [1, 2], total=4))


def test_the_last_page_again_behind_the_last_one_is_the_end_when_the_total_was_read():
    source = Source([1, 2], [3, 4], [5], total=5, behind=[5])
    assert _read(source) == [2, 2, 1]
    assert source.asked == [1, 2, 3, 4]


@pytest.mark.parametrize("declared", [3, 9])
def test_a_total_that_lies_is_told_and_decides_nothing(declared):
    log = RecordedLog()
    assert _read(Source([1, 2], [3, 4], total=declared), log) == [2, 2]
    (told,) = log.named("source_total_differs")
    assert (told["declared"], told["seen"]) == (declared, 4)


def test_a_true_total_is_not_told():
    log = RecordedLog()
    _read(Source([1, 2], [3], total=3), log)
    assert log.events == []


def test_a_limit_ends_after_the_page_that_reaches_it():
    source = Source([1, 2], [3, 4], [5, 6])
    assert _read(source, limit=3) == [2, 2]
    assert source.asked == [1, 2]


def test_pages_may_be_counted_from_zero():
    asked = []

    def fetch(number):
        asked.append(number)
        return Records([b'{"id":%d}' % number] if number < 2 else [])

    assert [page.number for page in paged(fetch, source="portal", log=RecordedLog(), first=0)] == [0, 1]
    assert asked == [0, 1, 2]


def test_pages_without_end_are_stopped_at_the_bound():
    def fetch(number):
        return Records([b'{"id":%d}' % number])

    with pytest.raises(SourceContractError, match="page 11 passes the bound of 10 pages") as refused:
        list(paged(fetch, source="portal", log=RecordedLog(), guard=PageGuard("portal", most_pages=10)))
    assert refused.value.code is Code.PAGE_COUNT


def test_records_in_another_order_or_twice_in_a_page_are_no_repeated_page():
    assert _read(Source([1, 2], [2, 1], [1, 1])) == [2, 2, 2]
