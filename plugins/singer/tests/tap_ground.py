"""A channel over the sample tap, read as the hub reads it."""

import os
import sys
from pathlib import Path
from typing import Any

from hub.sdk import RawRecord, RecordProblem, Window
from hub.testing.factories import RecordingLog, channel_context
from hub.testing.reading import Reader
from hub_channel_singer.channel import SingerChannel
from hub_channel_singer.settings import SingerSettings

TAP = Path(__file__).parent / "sample_tap.py"
FIELDS = {
    "submitted_at": {"path": "written"},
    "demand_type": {"path": "kind"},
    "content": {"path": "words"},
    "reporter": {"name": {"path": "caller.name"}, "phone": {"path": "caller.phone", "parse": "phone"}},
}
COMPLAINTS = {"complaints": {"fields": FIELDS, "record": {"version": {"path": "changed"}}}}


def settings(play="well_behaved", *, config=None, streams=None, secrets_by_place=None, **given):
    return SingerSettings.model_validate(
        {
            "executable": sys.executable,
            "arguments": [str(TAP)],
            "config": {"play": play, **(config or {})},
            "streams": streams or COMPLAINTS,
            "secrets": secrets_by_place or {},
            **given,
        }
    )


def reader(play="well_behaved", *, secrets=None, log=None, **given) -> Reader:
    context = channel_context("county-tap", secrets=secrets, log=log or RecordingLog())
    return Reader(SingerChannel(settings(play, **given), context))


def pages_of(run: Reader, **window) -> Any:
    """The channel's own pages from the beginning, one at a time."""
    (stream,) = run.channel.streams
    return run.channel.pages(
        stream, Window(None, window.pop("since", None), run.channel.ctx.clock.now(), **window)
    )


def state_of(run: Reader) -> int:
    """How far the sample tap's state reaches in the stored position."""
    assert run.position is not None
    reached: int = run.position["state"]["bookmarks"]["complaints"]["reached"]
    return reached


def problem_of(record: RawRecord) -> RecordProblem:
    """Why it was set aside."""
    assert record.problem is not None
    return record.problem


def is_alive(pid: int) -> bool:
    """Whether that process is at work; one that only waits for its parent's question is not."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False
    return state != "Z"
