"""A tap on the Singer SDK as its template has it: page numbers until an empty page, incremental on ``gxsj``.

The portal's envelope is told in ``validate_response``, where the SDK's documentation bids taps tell it. Pages come newest first, so that the
stream is not sorted.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import forked
from requests import Response
from singer_sdk import RESTStream, Tap
from singer_sdk import typing as th
from singer_sdk.exceptions import RetriableAPIError
from singer_sdk.helpers.types import Context
from singer_sdk.pagination import BasePageNumberPaginator

TEXT_FIELDS = ("lx", "lxmc", "bt", "nr", "xm", "sjh", "zjlx", "zjhm", "sfgk", "tjsj", "zt")


class UntilEmptyPaginator(BasePageNumberPaginator):
    """Goes on until a page is empty."""

    def has_more(self, response: Response) -> bool:
        return bool(response.json()["data"]["list"])


class DemandsStream(RESTStream[int]):
    """Demands by time of change."""

    name = "demands"
    path = "/api/zx/list"
    primary_keys = ("zxbh",)
    replication_key = "gxsj"
    is_sorted = False
    records_jsonpath = "$.data.list[*]"
    schema = th.PropertiesList(
        th.Property("zxbh", th.StringType, required=True),
        th.Property("gxsj", th.DateTimeType, required=True),
        *(th.Property(name, th.StringType) for name in TEXT_FIELDS),
        th.Property("fj", th.ArrayType(th.ObjectType(additional_properties=True))),
    ).to_dict()

    @property
    def url_base(self) -> str:
        return str(self.config["api_url"])

    def get_new_paginator(self) -> UntilEmptyPaginator:
        return UntilEmptyPaginator(start_value=1)

    def get_url_params(self, context: Context | None, next_page_token: int | None) -> dict[str, Any]:
        params: dict[str, Any] = {"pageNum": next_page_token or 1, "pageSize": self.config["page_size"]}
        since = self.get_starting_timestamp(context)
        return params | ({"gxsjStart": f"{since:%Y-%m-%d %H:%M:%S}"} if since else {})

    def validate_response(self, response: Response) -> None:
        super().validate_response(response)
        if self.config["told"] and response.json().get("code") != 200:
            raise RetriableAPIError(f"the portal answers with code {response.json().get('code')}", response)


class TapPortal(Tap):
    """The tap."""

    name = "tap-portal"
    config_jsonschema = th.PropertiesList(
        th.Property("api_url", th.StringType, required=True),
        th.Property("page_size", th.IntegerType, required=True),
        th.Property("told", th.BooleanType, required=True),
    ).to_dict()

    def discover_streams(self) -> list[DemandsStream]:
        return [DemandsStream(self)]


def run(job: forked.Job) -> None:
    """One run of the tap, with the last state that an earlier one told."""
    config = Path(job["folder"]) / "config.json"
    given = {"api_url": job["url"], "page_size": job["page_size"], "told": job["told"]}
    config.write_text(json.dumps(given), encoding="utf-8")
    state = ["--state", job["state"]] if Path(job["state"]).exists() else []
    TapPortal.cli(["--config", str(config), *state], standalone_mode=False)


if __name__ == "__main__":
    forked.serve(run)
