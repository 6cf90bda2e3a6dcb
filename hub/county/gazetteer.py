"""The simulated county's regions and gazetteer, as its office would write them down: made of the world's places, for that county only."""

from __future__ import annotations

from typing import Any

from hub.county.world.places import REGION, TOWNS, Place, Places

_KINDS = {"village": "village", "estate": "estate", "street": "road", "public": "public"}


def gazetteer(places: Places) -> dict[str, Any]:
    """``regions`` and ``places`` of the document of `hub config apply`."""
    return {
        "regions": [
            {"code": f"{REGION}000000", "name": "示例县"},
            *({"code": f"{REGION}{number:03d}000", "name": town} for number, town in enumerate(TOWNS, 1)),
            *({"code": one.code, "name": _community(one)} for one in places.all),
        ],
        "places": [
            {
                "id": place_id(one),
                "name": one.name,
                "kind": _KINDS[one.kind],
                "region_code": one.code,
                "aliases": _aliases(one),
                "longitude": one.longitude,
                "latitude": one.latitude,
            }
            for one in places.all
        ],
    }


def place_id(place: Place) -> str:
    """The id of one of the county's places in its gazetteer."""
    return f"p{place.code[len(REGION) :]}"


def _community(place: Place) -> str:
    return f"{place.name}民委员会" if place.kind == "village" else f"{place.name}社区居委会"


def _aliases(place: Place) -> list[str]:
    """What people leave out."""
    return [place.name.removesuffix("门口")] if place.name.endswith("门口") else []
