"""The eagle-eye channel keeps the contract of every channel that reads lists over HTTP, list by list."""

from pathlib import Path

from hub.clock import COUNTY_ZONE
from hub.model.case import Case
from hub.model.monitor import MonitorEvent
from hub.model.rating import Rating
from hub.sdk.readers.auth_policy import BearerAuth
from hub.sdk.readers.policy import HttpPolicy
from hub.testing.live import HttpListContract
from hub_channel_eagle_eye.channel import EagleEyeChannel
from hub_channel_eagle_eye.codes import CodeTables, Device, Tables
from hub_channel_eagle_eye.mapping import EagleEyeMapping
from hub_channel_eagle_eye.process_events import ProcessEvents
from hub_channel_eagle_eye.settings import EagleEyeSettings, HttpSource
from hub_channel_eagle_eye.shapes import Shape
from plugins.eagle_eye.tests.eye_pages import CasePages, EventPages, RatingPages

SAMPLES = Path(__file__).parents[1] / "samples"
# What a keypad's codes mean is said in the settings, keypad by keypad.
DEVICES = (Device(vendor="ZK", scale="keypad_3_best"), Device(way="[37]", scale="national"))
TABLES = Tables.of(CodeTables(), DEVICES)
MAPPING = EagleEyeMapping(COUNTY_ZONE, TABLES, {}, ProcessEvents(COUNTY_ZONE, TABLES).said)


class ListContract(HttpListContract):
    __test__ = False

    channel = EagleEyeChannel
    secrets = {"eye_token": "t0p-s3cret-value"}
    shape: Shape

    def make_settings(self, base_url, **more):
        auth = BearerAuth(kind="bearer", token="eye_token")
        source = HttpSource(kind="http", base_url=base_url, page_size=5, auth=auth, **more)
        # One list alone: check() asks every list that is configured, and the hostile source has only this one.
        others = {"cases", "ratings", "events"} - {self.stream}
        return EagleEyeSettings(source=source.model_copy(update=dict.fromkeys(others)), devices=DEVICES)

    def make_impatient_settings(self, base_url):
        return self.make_settings(base_url, http=HttpPolicy(deadline_s=1.0, tries=1))

    def make_record(self, body):
        return MAPPING.landed(self.shape, body)


class TestCases(ListContract):
    __test__ = True

    stream, shape = "cases", Shape.CASE
    samples = SAMPLES / "cases"
    source = CasePages()
    personal = "applicantMobile"

    def words(self, said):
        assert isinstance(said, Case)
        return "", said.result_reason

    def phone(self, said):
        return said.applicant.phone


class TestRatings(ListContract):
    __test__ = True

    stream, shape = "ratings", Shape.RATING
    samples = SAMPLES / "ratings"
    source = RatingPages()
    personal = "evaluatorMobile"

    def words(self, said):
        assert isinstance(said, Rating)
        return "", said.text

    def phone(self, said):
        return said.rater.phone if said.rater is not None else None


class TestEvents(ListContract):
    __test__ = True

    stream, shape = "events", Shape.EVENT
    samples = SAMPLES / "events"
    source = EventPages()
    personal = "staffNo"

    def words(self, said):
        assert isinstance(said, MonitorEvent)
        return "", said.reason

    def phone(self, said):
        return said.staff_no
