"""A Singer tap for the portal's list interface, as the Singer SDK's template would have it.

Used by the benchmark alone: ``tap_portal.py --config config.json [--state state.json]``, where the configuration
holds ``api_url``.
"""

from __future__ import annotations

from typing import Any

from requests import Response
from singer_sdk import RESTStream, Tap
from singer_sdk import typing as th
from singer_sdk.helpers.types import Context
from singer_sdk.pagination import BasePageNumberPaginator

PAGE_SIZE = 500
TEXT_FIELDS = (
    "lx",
    "lxmc",
    "bt",
    "nr",
    "sxbm",
    "sxmc",
    "bjbh",
    "xm",
    "sjh",
    "zjlx",
    "zjhm",
    "sfgk",
    "tjsj",
    "zt",
)


class FullPagePaginator(BasePageNumberPaginator):
    """Goes on while pages come full."""

    def has_more(self, response: Response) -> bool:
        return len(response.json()["data"]["list"]) == PAGE_SIZE


class DemandsStream(RESTStream[int]):
    """Demands by time of change."""

    name = "demands"
    path = "/api/zx/list"
    primary_keys = ("zxbh",)
    replication_key = "gxsj"
    is_sorted = True
    records_jsonpath = "$.data.list[*]"
    schema = th.PropertiesList(
        th.Property("zxbh", th.StringType, required=True),
        th.Property("gxsj", th.StringType, required=True),
        *(th.Property(name, th.StringType) for name in TEXT_FIELDS),
        th.Property("fj", th.ArrayType(th.ObjectType(additional_properties=True))),
    ).to_dict()

    @property
    def url_base(self) -> str:
        return str(self.config["api_url"])

    def get_new_paginator(self) -> FullPagePaginator:
        return FullPagePaginator(start_value=1)

    def get_url_params(self, context: Context | None, next_page_token: int | None) -> dict[str, Any]:
        params: dict[str, Any] = {"pageNum": next_page_token or 1, "pageSize": PAGE_SIZE}
        since = self.get_starting_replication_key_value(context)
        return params | ({"gxsjStart": since} if since else {})


class TapPortal(Tap):
    """The tap."""

    name = "tap-portal"
    config_jsonschema = th.PropertiesList(th.Property("api_url", th.StringType, required=True)).to_dict()

    def discover_streams(self) -> list[DemandsStream]:
        return [DemandsStream(self)]


if __name__ == "__main__":
    TapPortal.cli()
