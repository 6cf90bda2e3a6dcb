"""The hostile source of the contract, played over HTTP on loopback against the hub, dlt, a Singer tap and the Airbyte CDK.

Each case is read twice: while the source misbehaves, and an hour later, when it behaves and holds one record more. What stands in the
destination then is compared with what the source holds. *right*: every record there once, in its latest version. *loud*: an error that says so,
and what it kept back comes with the next run. *silent*: success, or an error and then success, with records lost, doubled, out of date or garbled.
*no end*: still running when the time limit ended it.

``python bench/hostile_peers.py [--only hub,dlt] [--cases ERROR_ENVELOPE,…] [--docs docs/hostile-sources.md] [--json]``. Exit status 1 when the hub is
anything but right or loud. The peers live in environments of their own under ``bench/.venvs``, made at the first run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shlex
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from collect.postgres import Postgres
from hostile.cases import WHY
from hostile.contenders import CONTENDERS, Contender, Runner
from hostile.judge import MOVING, Ended, Faults, Judged, faults, judge
from hostile.report import as_markdown

from hub.clock import COUNTY_ZONE
from hub.runtime.config import load
from hub.runtime.hub import Hub
from hub.testing.hostile import HostileSource, Misbehaviour
from plugins.portal.tests.portal_pages import PortalPages

_DOC_BLOCK = re.compile(r"(<!-- hostile: begin -->\n).*?(<!-- hostile: end -->)", re.DOTALL)
_TEMPLATE = "hub_template"
_LATER = timedelta(hours=1)
ENVELOPES = (Misbehaviour.ERROR_ENVELOPE, Misbehaviour.ERROR_ENVELOPE_ONCE)


@dataclass(frozen=True)
class Play:
    """One case against one contender; ``told``: it knows how the portal says no within HTTP 200."""

    contender: str
    case: Misbehaviour
    told: bool = True


class Stage:
    """Where plays are played: a server for their databases, a folder, one process a contender."""

    def __init__(self, folder: Path, server: Postgres, runners: dict[str, Runner], limit_s: float) -> None:
        self._folder, self._server, self._runners, self._limit_s = folder, server, runners, limit_s

    def played(self, play: Play) -> Judged:
        """The verdict."""
        contender = CONTENDERS[play.contender]
        name = f"{play.contender}_{play.case.name}{'' if play.told else '_untold'}".lower()
        place = self._folder / name
        place.mkdir()
        self._server.create(name, _TEMPLATE if play.contender == "hub" else "template0")
        now = datetime.now(UTC).replace(microsecond=0)
        with HostileSource(PortalPages(), play.case, newest_first=True, now=now) as source:
            first = self._run(contender, play, source, place, now, moving=play.case in MOVING)
            second = None
            if first[0] != "limit":
                source.behave()
                _add(source, now + _LATER - timedelta(seconds=10))
                contender.before_the_next_run(place)
                second = self._run(contender, play, source, place, now + _LATER, moving=False)
        self._server.drop(name)
        return judge(play.case, first, second)

    def _run(
        self,
        contender: Contender,
        play: Play,
        source: HostileSource,
        place: Path,
        now: datetime,
        *,
        moving: bool,
    ) -> tuple[Ended, Faults]:
        url = self._server.url(place.name)
        answer = self._runners[play.contender].play(
            {
                "url": source.url,
                "folder": str(place),
                "database_url": url,
                "state": str(place / "state.json"),
                "out": str(place / "out"),
                "log": str(place / "log"),
                "page_size": PortalPages.page_size,
                "now": now.isoformat(),
                "until": f"{now.astimezone(COUNTY_ZONE):%Y-%m-%d %H:%M:%S}",
                "told": play.told,
                "limit_s": self._limit_s,
            }
        )
        kept = contender.kept(place, url)
        found = faults(kept, source.records, source.special, play.case, moving=moving)
        return answer["ended"], found


def _add(source: HostileSource, moment: datetime) -> None:
    """One record more, its number of the same kind as the others'."""
    before = source.records[-1][source.source.key]
    added = source.add(moment)
    if isinstance(before, int):
        for record in source.records:
            if record[source.source.key] == added:
                record[source.source.key] = before + 1


def main() -> int:
    options = _options()
    signal.signal(signal.SIGTERM, _leave)
    names: list[str] = options.only
    titles = {name: f"{CONTENDERS[name].title} {CONTENDERS[name].version()}" for name in names}
    plays = [Play(name, case) for case in options.cases for name in names]
    plays += [
        Play(name, case, told=False)
        for case in ENVELOPES
        for name in names
        if name != "hub" and case in options.cases
    ]
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="hostile-peers-"))
    try:
        verdicts = _verdicts(options, plays, folder)
    finally:
        if options.keep:
            print(f"kept: {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    found: dict[str, dict[str, Judged]] = {name: {} for name in names}
    untold: dict[str, dict[str, Judged]] = {name: {} for name in names if name != "hub"}
    for play, judged in zip(plays, verdicts, strict=True):
        (found if play.told else untold)[play.contender][play.case.name] = judged
    _write(options, found, untold, titles, time.monotonic() - began)
    bad = [one for one in found.get("hub", {}).values() if one.verdict not in ("right", "loud")]
    return 1 if bad else 0


def _verdicts(options: argparse.Namespace, plays: Sequence[Play], folder: Path) -> list[Judged]:
    with ExitStack() as stack:
        server = Postgres(folder, options.postgres)
        stack.callback(server.close)
        _make_template(server, folder)
        runners = {}
        for name in options.only:
            runners[name] = CONTENDERS[name].runner()
            stack.callback(runners[name].close)
        stage = Stage(folder, server, runners, options.limit)
        pool = stack.enter_context(ThreadPoolExecutor(options.at_once))

        def play(one: Play) -> Judged:
            judged = stage.played(one)
            told = "" if one.told else " (not told)"
            print(
                f"{one.case.name}{told}, {one.contender}: {judged.verdict}: {judged.found}", file=sys.stderr
            )
            return judged

        return list(pool.map(play, plays))


def _make_template(server: Postgres, folder: Path) -> None:
    """A database with the hub's schema, of which every case gets a copy."""
    server.create(_TEMPLATE)
    document = {"home": str(folder / "template"), "database_url": server.url(_TEMPLATE)}
    with Hub(load(overrides=document, environ={})) as hub:
        hub.migrate()
    server.settle()


def _write(
    options: argparse.Namespace,
    found: dict[str, dict[str, Judged]],
    untold: dict[str, dict[str, Judged]],
    titles: dict[str, str],
    wall_s: float,
) -> None:
    command = f"python bench/hostile_peers.py {shlex.join(sys.argv[1:])}".strip()
    machine = {
        "run on": f"{datetime.now(UTC):%Y-%m-%d}",
        "cores": str(os.cpu_count()),
        "Python": platform.python_version(),
        "seconds": f"{wall_s:.0f}",
    }
    if options.json:
        told: Any = {
            name: {case: asdict(one) for case, one in cases.items()} for name, cases in found.items()
        }
        print(json.dumps({"command": command, "machine": machine, "titles": titles, "found": told}, indent=2))
        return
    shape = ", ".join(f"{name} {value}" for name, value in machine.items())
    text = f"`{command}`\n\n{shape}.\n\n{as_markdown(found, untold, titles)}"
    print(text)
    if options.docs:
        page = options.docs.read_text("utf-8")
        if not _DOC_BLOCK.search(page):
            raise SystemExit(
                f"{options.docs} has no block between <!-- hostile: begin --> and <!-- hostile: end -->"
            )
        options.docs.write_text(
            _DOC_BLOCK.sub(lambda match: f"{match[1]}\n{text}\n\n{match[2]}", page), "utf-8"
        )


def _options() -> argparse.Namespace:
    def names(text: str) -> list[str]:
        return _known(text, CONTENDERS)

    def cases(text: str) -> list[Misbehaviour]:
        return [Misbehaviour[name] for name in _known(text, Misbehaviour.__members__)]

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", type=names, default=list(CONTENDERS), help=f"of {','.join(CONTENDERS)}")
    parser.add_argument("--cases", type=cases, default=list(WHY), help="by the names in hub.testing.hostile")
    parser.add_argument("--limit", type=float, default=45.0, help="seconds that one run may take")
    parser.add_argument("--at-once", type=int, default=6, help="cases played side by side; most of them wait")
    parser.add_argument(
        "--postgres", type=Path, help="folder of initdb and postgres; by default the first found"
    )
    parser.add_argument(
        "--json", action="store_true", help="one JSON document on stdout instead of the tables"
    )
    parser.add_argument("--docs", type=Path, help="Markdown page whose marked block the tables replace")
    parser.add_argument("--keep", action="store_true", help="keep the folder with outputs and logs")
    return parser.parse_args()


def _known(text: str, known: Any) -> list[str]:
    chosen = text.split(",")
    if unknown := set(chosen) - set(known):
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(known)}")
    return chosen


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
