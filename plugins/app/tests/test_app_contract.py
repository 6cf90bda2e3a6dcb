"""The app channel keeps both contracts: of channels that read a list over HTTP, and of those that sources push to."""

from pathlib import Path

from hub.sdk.readers.auth_policy import BearerAuth
from hub.sdk.readers.policy import HttpPolicy
from hub.sdk.readers.push import PushPolicy
from hub.testing.live import HttpListContract
from hub.testing.push import PushContract
from hub_channel_app.channel import AppChannel
from hub_channel_app.mapping import AppMapping
from hub_channel_app.settings import AppSettings
from plugins.app.tests.app_pages import AppPages, AppPushes

MAPPING = AppMapping()
SAMPLES = Path(__file__).parents[1] / "samples"


class TestAppAskedContract(HttpListContract):
    channel = AppChannel
    samples = SAMPLES
    source = AppPages()
    personal = "mobile"
    secrets = {"app_token": "t0p-s3cret-value"}

    def make_settings(self, base_url):
        return AppSettings(
            base_url=base_url,
            page_size=AppPages.page_size,
            auth=BearerAuth(kind="bearer", token="app_token"),
        )

    def make_impatient_settings(self, base_url):
        return AppSettings(
            base_url=base_url,
            auth=BearerAuth(kind="bearer", token="app_token"),
            http=HttpPolicy(deadline_s=1.0, tries=1),
        )

    def make_record(self, body):
        return MAPPING.landed(body)


class TestAppPushedContract(PushContract):
    channel = AppChannel
    samples = SAMPLES
    source = AppPushes()
    secret_name = "app_signing"
    personal = "mobile"

    def make_settings(self, base_url):
        return AppSettings(push=PushPolicy(secrets=("app_signing",)))

    def make_record(self, body):
        return MAPPING.landed(body)
