"""Sources without code keep the whole contract whichever way leads from page to page: cursor, link in the body or the head, piece by piece."""

from pathlib import Path

from hub.testing.declared import contract_of_file

FILES = sorted((Path(__file__).parent / "paging").glob("*.yaml"))

for _file in FILES:
    _contract = contract_of_file(_file)
    globals()[_contract.__name__] = _contract


def test_every_way_is_proven():
    assert [file.stem for file in FILES] == [
        "by_cursor",
        "by_cursor_without_total",
        "by_days",
        "by_days_and_cursor",
        "by_link_header",
        "by_next_link",
    ]
