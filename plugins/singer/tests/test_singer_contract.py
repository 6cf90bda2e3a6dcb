"""The channel of Singer taps keeps the contract of every channel."""

from pathlib import Path

from hub.clock import COUNTY_ZONE
from hub.sdk import RawRecord
from hub.testing.contract import ChannelContract
from hub_channel_singer.channel import SingerChannel
from hub_channel_singer.mapping import TapMapping
from hub_channel_singer.settings import SingerSettings

GIVEN = {
    "executable": "tap-complaints",
    "config": {"project": "county"},
    "secrets": {"login.password": "tap_password"},
    "streams": {
        "complaints": {
            "prefix": "c:",
            "record": {"version": {"path": "changed"}},
            "fields": {
                "submitted_at": {"path": "written"},
                "demand_type": {"path": "kind", "map": {"1": "complaint", "2": "help", "3": "report"}},
                "content": {"path": "words"},
                "title": {"path": "subject"},
                "prev_source_no": {"path": "repeats"},
                "reporter": {"name": {"path": "name"}, "phone": {"path": "phone", "parse": "phone"}},
            },
        },
        "visits": {
            "prefix": "v:",
            "fields": {
                "submitted_at": {"path": "day", "parse": {"kind": "time", "forms": ["%d.%m.%Y"]}},
                "demand_type": {"const": "complaint"},
                "content": {"join": {"of": ["place", "remark"], "separator": "："}},
            },
        },
    },
}
SETTINGS = SingerSettings.model_validate(GIVEN)
MAPPING = TapMapping(SETTINGS.streams, COUNTY_ZONE)


class TestSingerContract(ChannelContract):
    channel = SingerChannel
    samples = Path(__file__).parents[1] / "samples"
    secrets = {"tap_password": "t0p-s3cret-value"}
    personal = "phone"

    def make_settings(self, base_url):
        return SETTINGS

    def make_record(self, body):
        return MAPPING.landed(RawRecord(None, body))
