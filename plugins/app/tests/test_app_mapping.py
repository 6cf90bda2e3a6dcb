"""What one record of the app says: words, times, places, pictures, persons; and what sets it aside."""

import base64
import hashlib
import json
from datetime import UTC, datetime

import pytest

from hub.model.codes import Anonymity, DemandStatus, DemandType, ReporterType
from hub.sdk import Code, RecordRejected
from hub_channel_app.mapping import AppMapping
from hub_channel_app.pictures import LARGEST_BYTES, MOST_PICTURES
from plugins.app.tests.app_pages import appeal

NOW = datetime(2026, 6, 29, 2, 21, 33, 123_000, tzinfo=UTC)
MAPPING = AppMapping()


def body(**changed):
    return json.dumps({**appeal(7, NOW), **changed}).encode()


def said(mapping=MAPPING, **changed):
    (demand,) = mapping.demands(body(**changed))
    return demand


def rejected(**changed):
    with pytest.raises(RecordRejected) as caught:
        MAPPING.demands(body(**changed))
    return caught.value


def test_times_are_milliseconds_since_1970_as_number_or_text():
    for time in (1782699693123, "1782699693123"):
        assert said(createTime=time).submitted_at == NOW
        landed = MAPPING.landed(body(updateTime=time))
        assert (landed.position_at, landed.version) == (NOW, "2026-06-29T02:21:33.123000")


@pytest.mark.parametrize(
    "time",
    [1782699693, 0, -1782699693123, 1.5, True, "2026-06-29 10:21:33", 10**16, "１７８２６９９６９３１２３"],
)
def test_a_time_in_seconds_or_in_another_form_is_never_guessed(time):
    assert rejected(createTime=time).code is Code.FIELD_INVALID
    problem = MAPPING.landed(body(updateTime=time)).problem
    assert problem is not None
    assert problem.code is Code.POSITION_UNREADABLE


def test_a_record_updated_a_millisecond_later_is_newer():
    versions = [
        str(MAPPING.landed(body(updateTime=1782699693123 + step)).version) for step in (0, 1, 10, 1_000)
    ]

    assert versions == sorted(versions)
    assert len(set(versions)) == 4


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("咨询", DemandType.CONSULTATION),
        ("求助", DemandType.HELP),
        ("投诉", DemandType.COMPLAINT),
        ("举报", DemandType.REPORT),
        ("建议", DemandType.SUGGESTION),
        ("意见", DemandType.SUGGESTION),
        ("表扬", DemandType.PRAISE),
        ("感谢", DemandType.PRAISE),
        ("其它", DemandType.OTHER),
        ("其他", DemandType.OTHER),
    ],
)
def test_the_type_is_a_chinese_word_and_is_kept_as_it_came(word, kind):
    demand = said(type=word)

    assert (demand.demand_type, demand.type_source_text) == (kind, word)


@pytest.mark.parametrize("field", ["type", "status", "coordType", "isPublic", "deleted"])
def test_a_word_that_no_table_knows_sets_the_record_aside_and_is_named_by_its_field(field):
    exc = rejected(**{field: "没见过的说法"})

    assert (exc.code, exc.field) == (Code.VALUE_UNMAPPED, field)
    assert "没见过的说法" not in exc.message


def test_words_of_the_settings_go_before_the_usual_ones():
    mapping = AppMapping(
        {"吐槽": DemandType.COMPLAINT, "其他": DemandType.CONSULTATION}, {"on_hold": DemandStatus.SUPPLEMENT}
    )

    assert said(mapping, type="吐槽").demand_type is DemandType.COMPLAINT
    assert said(mapping, type="其他").demand_type is DemandType.CONSULTATION
    assert said(mapping, status="on_hold").status is DemandStatus.SUPPLEMENT
    assert said(mapping, status="replied").status is DemandStatus.ANSWERED


@pytest.mark.parametrize(
    ("coord_type", "datum"),
    [(None, "GCJ-02"), ("gcj02", "GCJ-02"), ("GCJ-02", "GCJ-02"), ("wgs84", "WGS-84"), ("bd09", "BD-09")],
)
def test_coordinates_are_kept_as_they_came_with_the_datum_that_they_are_in(coord_type, datum):
    demand = said(lng=114.533401, lat="32.203102", coordType=coord_type)

    assert (demand.longitude, demand.latitude, demand.datum) == (114.533401, 32.203102, datum)


def test_the_settings_say_which_datum_is_meant_where_a_record_names_none():
    assert said(AppMapping(datum="CGCS2000")).datum == "CGCS2000"


@pytest.mark.parametrize(
    ("lng", "lat", "flags"),
    [
        (0, 0, ()),
        (None, None, ()),
        (1145.33, 32.2, ("BAD_COORDINATES",)),
        ("东经114", "32.2", ("BAD_COORDINATES",)),
        (114.5, None, ("BAD_COORDINATES",)),
        ("nan", "nan", ("BAD_COORDINATES",)),
    ],
)
def test_coordinates_that_are_nowhere_are_left_out_and_the_demand_stays(lng, lat, flags):
    demand = said(lng=lng, lat=lat)

    assert (demand.longitude, demand.latitude, demand.datum, demand.quality) == (None, None, None, flags)


def test_the_person_is_known_by_open_id_where_the_telephone_is_masked():
    reporter = said(mobile="138****5678").reporter

    assert (reporter.account, reporter.phone) == ("oX00000000000000000000000007", "138****5678")


def test_a_licence_is_a_body_and_an_identity_card_a_person():
    body_ = said(idType="821", idNo="91411521MA00000000").reporter
    person = said(idType="111", idNo="411521********1234").reporter

    assert (body_.type, body_.uscc, body_.id_no) == (ReporterType.ENTERPRISE, "91411521MA00000000", None)
    assert (person.type, person.uscc, person.id_no) == (ReporterType.PERSON, None, "411521********1234")


@pytest.mark.parametrize(
    ("is_public", "anonymity"),
    [(True, Anonymity.OPEN), (1, Anonymity.OPEN), (False, Anonymity.SECRET), (None, Anonymity.SECRET)],
)
def test_nothing_said_about_publication_means_secret(is_public, anonymity):
    assert said(isPublic=is_public).anonymity is anonymity


def test_an_order_number_tells_that_the_platform_has_dispatched_it():
    assert said(orderNo=260704102133115409).assigned_no == "260704102133115409"


# --- pictures ------------------------------------------------------------------------------------------------------


def test_pictures_are_named_by_address_and_never_fetched():
    landed = MAPPING.landed(
        body(pictures=["https://a.example/x/1.jpg?sign=2", {"name": "门口.png", "url": "/2"}])
    )
    files = said(pictures=["https://a.example/x/1.jpg?sign=2", {"name": "门口.png", "url": "/2"}]).attachments

    assert landed.attachments == ()
    assert [(one.name, one.media_type, one.uri, one.sha256) for one in files] == [
        ("1.jpg", "image/jpeg", "https://a.example/x/1.jpg?sign=2", None),
        ("门口.png", "image/png", "/2", None),
    ]


@pytest.mark.parametrize("head", ["", "data:image/png;base64,"])
def test_bytes_that_come_along_are_kept_and_named_by_their_hash(head):
    content = b"\x89PNG\r\n" * 40
    sent = [{"name": "1.png", "data": head + base64.b64encode(content).decode()}]
    (file,) = MAPPING.landed(body(pictures=sent)).attachments
    (named,) = said(pictures=sent).attachments

    assert (file.name, file.content) == ("1.png", content)
    assert (named.sha256, named.size_bytes) == (hashlib.sha256(content).hexdigest(), len(content))


@pytest.mark.parametrize(
    ("pictures", "code"),
    [
        ([{"name": "1.png", "data": "%%%"}], Code.FIELD_INVALID),
        ([{"name": "1.png", "data": "汉字"}], Code.FIELD_INVALID),
        ([{"name": "1.png", "data": "A" * (LARGEST_BYTES * 4 // 3 + 8)}], Code.RECORD_TOO_LARGE),
        (["/1"] * (MOST_PICTURES + 1), Code.FIELD_INVALID),
        ([[1]], Code.FIELD_INVALID),
        ({"url": "/1"}, Code.FIELD_INVALID),
    ],
    ids=["no base64", "no ASCII", "too large", "too many", "a list in it", "no list"],
)
def test_pictures_that_cannot_be_read_set_the_record_aside_under_its_number(pictures, code):
    landed = MAPPING.landed(body(pictures=pictures))

    assert (landed.source_no, landed.problem, landed.attachments) == ("AP411521000000000007", None, ())
    assert rejected(pictures=pictures).code is code


@pytest.mark.parametrize("nothing", [None, "", [], [""], [{}], "null"])
def test_no_pictures_are_none_however_it_is_said(nothing):
    assert said(pictures=nothing).attachments == ()


# --- gone ----------------------------------------------------------------------------------------------------------


def test_a_record_that_is_gone_and_says_no_more_gives_nothing():
    gone = json.dumps({"appealId": "AP1", "deleted": True, "updateTime": 1782699693123}).encode()

    assert MAPPING.demands(gone) == []
    assert MAPPING.landed(gone).deleted
    assert said(deleted="1").deleted
    assert not said(deleted=0).deleted
