"""The portal channel keeps the contract of every channel that reads a list over HTTP."""

from pathlib import Path

from hub.clock import COUNTY_ZONE
from hub.sdk.readers.auth_policy import BearerAuth
from hub.sdk.readers.policy import HttpPolicy
from hub.testing.live import HttpListContract
from hub_channel_portal.channel import PortalChannel
from hub_channel_portal.mapping import PortalMapping
from hub_channel_portal.settings import PortalSettings
from plugins.portal.tests.portal_pages import PortalPages

MAPPING = PortalMapping(COUNTY_ZONE)


class TestPortalContract(HttpListContract):
    channel = PortalChannel
    samples = Path(__file__).parents[1] / "samples"
    source = PortalPages()
    personal = "sjh"
    secrets = {"portal_token": "t0p-s3cret-value"}

    def make_settings(self, base_url):
        return PortalSettings(
            base_url=base_url,
            page_size=PortalPages.page_size,
            auth=BearerAuth(kind="bearer", token="portal_token"),
        )

    def make_impatient_settings(self, base_url):
        return PortalSettings(
            base_url=base_url,
            auth=BearerAuth(kind="bearer", token="portal_token"),
            http=HttpPolicy(deadline_s=1.0, tries=1),
        )

    def make_record(self, body):
        return MAPPING.landed(body)
