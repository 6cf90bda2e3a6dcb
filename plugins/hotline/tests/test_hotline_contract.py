"""The hotline channel keeps the contract in each of its shapes: SOAP, a view on PostgreSQL and on MariaDB, workflow records."""

from pathlib import Path

import pytest

from hub.clock import COUNTY_ZONE
from hub.sdk.readers.auth_policy import BasicAuth
from hub.sdk.readers.policy import HttpPolicy
from hub.sdk.readers.sql_place import SqlPlace, SqlPolicy
from hub.testing.factories import channel_context
from hub.testing.live import HttpListContract
from hub.testing.views import SqlViewContract
from hub.testing.xml import XmlContract
from hub_channel_hotline.channel import HotlineChannel
from hub_channel_hotline.mapping import Tables
from hub_channel_hotline.settings import HotlineSettings, SoapSource, ViewSource, WorkflowSource
from hub_channel_hotline.soap import soap_mapping
from hub_channel_hotline.view import view_mapping
from hub_channel_hotline.workflow import workflow_mapping
from plugins.hotline.tests.hotline_sources import SIZE, OrderView, SoapPages, WorkflowPages
from tests.support.databases import SECRETS

SAMPLES = Path(__file__).parents[1] / "samples"
OFFLINE = SqlPlace(
    dialect="postgresql", host="127.0.0.1", port=9, database="d", user="hub", password="source_database"
)
IMPATIENT = HttpPolicy(deadline_s=1.0, tries=1)


class TestHotlineSoap(XmlContract):
    channel = HotlineChannel
    samples = SAMPLES / "soap"
    source = SoapPages()
    personal = "联系电话"
    secrets = {"hotline_password": "t0p-s3cret-value"}

    def make_settings(self, base_url, **more):
        auth = BasicAuth(kind="basic", user="hub", password="hotline_password")
        return HotlineSettings(
            source=SoapSource(kind="soap", base_url=base_url, page_size=SIZE, auth=auth, **more)
        )

    def make_impatient_settings(self, base_url):
        return self.make_settings(base_url, http=IMPATIENT)

    def make_record(self, body):
        return soap_mapping(SoapSource(kind="soap", base_url="http://h"), channel_context(), Tables()).landed(
            body
        )


class TestHotlineWorkflow(HttpListContract):
    channel = HotlineChannel
    samples = SAMPLES / "workflow"
    source = WorkflowPages()
    personal = "contact_phone"

    def make_settings(self, base_url, **more):
        return HotlineSettings(
            source=WorkflowSource(kind="workflow", base_url=base_url, page_size=SIZE, **more)
        )

    def make_impatient_settings(self, base_url):
        return self.make_settings(base_url, http=IMPATIENT)

    def make_record(self, body):
        return workflow_mapping(
            WorkflowSource(kind="workflow", base_url="http://h"), channel_context(), Tables()
        ).landed(body)


class TestHotlineView(SqlViewContract):
    channel = HotlineChannel
    samples = SAMPLES / "view"
    view = OrderView()
    personal = "CALLER_CONTACT"
    secrets = SECRETS

    @pytest.fixture
    def view_database(self, source_database):
        return source_database

    def make_settings(self, base_url):
        return HotlineSettings(source=ViewSource(kind="view", database=OFFLINE))

    def make_view_settings(self, place, **policy):
        source = ViewSource(kind="view", database=place, policy=SqlPolicy(batch=self.batch, **policy))
        return HotlineSettings(source=source)

    def make_record(self, body):
        return view_mapping(
            ViewSource(kind="view", database=OFFLINE), channel_context(zone=COUNTY_ZONE), Tables()
        ).landed(body)
