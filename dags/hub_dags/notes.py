"""What the DAGs say of themselves: what each does, and what to look at when it is red."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hub.runtime.channels import CatalogEntry

COLLECT = "Reads the source page by page; each page is kept, with the position after it, before the next one is asked for."
STEP = "Takes all that waits, not only what woke it. Safe to clear and run again, and beside itself."
ANNOUNCE = "Runs only when something arrived for the next step; wakes its DAG."
PROBLEMS = (
    "Runs only when something needs a person, and ends the run red. The step's own work is done and kept."
)

_CHANNEL = """\
### {title}

Collects channel **{instance}** ({channel}) every {every_s} s; answers for it: {owner}.
{missing}
**Red at `collect`** — no records of this run are missing, they are only late:

| code in the log | what it is | what to do |
|---|---|---|
| `source_unreachable`, `source_timeout`, `source_status`, `source_circuit_open` | the source is away | ask the owner; the hub goes on by itself |
| `source_rate_limited` | the source wants to be left alone | raise `every_s` in hub.yaml |
| `source_auth`, `secret_missing` | the source refuses the login | renew the secret, then clear the task |
| `page_*`, `position_*` | the source changed its format | `hub quarantine list` shows the page that was kept; tell the integrator |
| `plugin_*` | the channel's plugin | `hub plugin list`, `hub doctor` |
| `store_*` | the hub's database | `hub doctor` |

**Red at `problems`**: some streams failed, the others were collected.

**See what a run did**: `hub run list`, `hub run show ID`; the id stands in the XCom of `collect`.

**Collect again**: trigger with `since` (and `until`). The channel's own position stays where it is; what is known already counts
as duplicate. Pausing this DAG stops this channel alone.
"""
_MISSING = """
> **No installed plugin is named `{channel}`.** Install it where Airflow's processes run, or correct `channels.{instance}.channel`
> in hub.yaml; until then every run fails and says so.
"""


def channel(entry: CatalogEntry) -> str:
    """The notes of one channel's DAG."""
    missing = "" if entry.installed else _MISSING.format(channel=entry.channel, instance=entry.instance)
    return _CHANNEL.format(
        title="Collect" if entry.installed else "Collect (plugin not installed)",
        instance=entry.instance,
        channel=entry.channel,
        every_s=entry.every_s,
        owner=entry.owner or "nobody is named in hub.yaml",
        missing=missing,
    )


def broken(name: str, why: str) -> str:
    """The notes of the DAG that stands for a channel whose DAG cannot be made."""
    return f"### Channel {name} is not collected\n\nIts DAG cannot be made:\n\n```\n{why}\n```\n\nThe other channels go on. Correct it in hub.yaml.\n"


def configuration(why: str) -> str:
    """The notes of the DAG that stands for all channels."""
    return (
        f"### No channel is collected\n\n```\n{why}\n```\n\nCorrect hub.yaml, or HUB_CONFIG where Airflow's processes run. The channels' DAGs "
        "come back with the next parse, their history and their positions as they were. What was collected before is still "
        "judged, dispatched and delivered where the settings allow it.\n"
    )


NORMALIZE = """\
### Normalize

Reads what was landed but not yet read: channels with `deferred: true`, and quarantined records that are replayed. Other channels' records are
read as they are collected, so that most runs of this DAG find nothing.

**Red at `problems`**: records wait for a channel that is not configured or whose plugin is broken: `hub plugin list`.
**Records set aside** are no failure: `hub quarantine list` shows them with their reason; `hub quarantine replay` reads them again.
"""
EVALUATE = """\
### Evaluate and triage

Judges new demands by the rules, then issues the warnings that no person needs to look at. Signals that wait for a person
(`hub signal list`) are none of this DAG's business.

**Red at `problems`**: a rule failed or hung; the other rules' signals stand, and its demands wait for it alone. `hub plugin list` names its plugin.
"""
DISPATCH = """\
### Dispatch

Makes orders of issued warnings: ledger row, order and outgoing message in one transaction. Looks every minute for what a person issued meanwhile.

**Red at `problems`**: a warning found no department: look at the routing (`hub config show`), correct it with `hub config apply`.
"""
DELIVER = """\
### Deliver

Sends what is due to the departments, signed; each message again until it is acknowledged, with growing pauses.

**Red at `problems`**: a department has no endpoint, does not answer, or a message was given up. The other departments get theirs.
`hub webhook list` shows the messages; after the mend, `hub webhook redeliver`.
"""
REPLY = """\
### Reply

Tells the platforms that demands came from (12345 and the like) what became of them: signed for, sent back, extended, closed. Each reply again
until its platform takes it, with growing pauses; the platform sees one key however often it is told.

**Red at `problems`**: a platform refuses a reply, or a reply was given up: `hub reply list` says which and why; `hub reply retry` tells it once more.
"""
