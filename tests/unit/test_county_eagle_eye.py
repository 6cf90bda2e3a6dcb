"""The simulated eagle-eye answers over real HTTP as the interface promises, so that a channel has something to be right about."""

import json
import urllib.error
import urllib.request
from datetime import datetime
from urllib.parse import urlencode

import pytest

from hub.county.eagle_eye_server import EagleEyeServer

DAY = "2026-11-23"


def case(number, minute, **fields):
    return {
        "internalNo": f"C{number:04d}",
        "status": "5",
        "updateDate": f"{DAY} 10:{minute:02d}:00",
        **fields,
    }


@pytest.fixture
def eye():
    cases = [case(number, number % 7) for number in range(25)]
    ratings = [{"evaluateId": "R1", "level": "5", "updateTime": f"{DAY} 10:00:00"}]
    with EagleEyeServer(cases, ratings) as server:
        yield server


def ask(server, path="cases", token=None, **query):
    request = urllib.request.Request(f"{server.url}/api/jc/{path}?{urlencode(query)}")
    if token is not None:
        request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read())


def numbers(answer):
    return [one["internalNo"] for one in answer["data"]["list"]]


def test_pages_hold_every_case_once_newest_first(eye):
    pages = [ask(eye, pageNum=number, pageSize=10) for number in (1, 2, 3, 4)]
    found = [number for page in pages for number in numbers(page)]

    assert [len(numbers(page)) for page in pages] == [10, 10, 5, 0]
    assert len(set(found)) == pages[0]["data"]["total"] == 25
    times = [one["updateDate"] for page in pages for one in page["data"]["list"]]
    assert times == sorted(times, reverse=True)


def test_both_bounds_of_the_update_time_are_included(eye):
    found = ask(eye, updateStart=f"{DAY} 10:02:00", updateEnd=f"{DAY} 10:03:00", pageSize=100)

    assert {one["updateDate"] for one in found["data"]["list"]} == {f"{DAY} 10:02:00", f"{DAY} 10:03:00"}


def test_a_change_lists_a_case_anew_with_all_that_it_says(eye):
    eye.cases.change("C0003", at=datetime(2026, 11, 23, 11, 0), status="8")
    (first, *_) = ask(eye, pageSize=1)["data"]["list"]

    assert (first["internalNo"], first["status"], first["updateDate"]) == ("C0003", "8", f"{DAY} 11:00:00")
    assert len(eye.cases) == 25


def test_each_list_has_its_own_path(eye):
    assert ask(eye, "ratings")["data"]["total"] == 1
    assert ask(eye, "events")["data"]["total"] == 0
    with pytest.raises(urllib.error.HTTPError) as caught:
        ask(eye, "demands")
    caught.value.close()
    assert caught.value.code == 404


def test_nonsense_is_refused_inside_http_200(eye):
    assert ask(eye, pageNum="x")["code"] == 400
    assert ask(eye, pageNum=0)["code"] == 400


def test_a_token_is_asked_for_where_there_is_one():
    with EagleEyeServer([case(1, 1)], token="t0ken") as server:
        assert ask(server, token="t0ken")["data"]["total"] == 1
        with pytest.raises(urllib.error.HTTPError) as caught:
            ask(server)
        caught.value.close()
        assert caught.value.code == 401
