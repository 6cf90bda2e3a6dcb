"""What the tests of the file reader stand on: a folder, its readers, and what stands in it."""

from __future__ import annotations

import json

import pytest

from tests.support.dropped import Dropped, tree

MONTH = "2026-11"


@pytest.fixture
def folder(tmp_path):
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    return inbox


def dropped(folder, **files):
    return Dropped({"kind": "folder", "path": str(folder)}, **files)


def codes(reading):
    return [record.problem.code for record in reading.set_aside if record.problem]


def names(folder):
    """Where files stand, without their reports."""
    return sorted(name for name in tree(folder) if ".report." not in name)


def report_of(folder):
    (name,) = [name for name in tree(folder) if name.endswith(".report.json")]
    return json.loads(tree(folder)[name])
