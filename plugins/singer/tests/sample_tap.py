"""A Singer tap in the county's own words, and every way in which taps are known to misbehave: ``play`` in its configuration says which.

It speaks for itself: nothing is imported but the standard library, as a tap knows nothing of the hub.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

BEGIN = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
TEXT = {"type": "string"}
MOMENT = {"type": "string", "format": "date-time"}
PROPERTIES = {
    "id": TEXT,
    "kind": TEXT,
    "words": TEXT,
    "caller": {"type": "object"},
    "written": MOMENT,
    "changed": MOMENT,
}
SCHEMA = {"type": "object", "properties": PROPERTIES}


def record(index):
    moment = (BEGIN + timedelta(minutes=index)).isoformat()
    return {
        "id": f"T{index:06d}",
        "kind": "complaint",
        "words": f"第{index}次到窗口，材料交齐以后一直没有受理。",
        "caller": {"name": "张*", "phone": f"138{index:08d}"},
        "written": moment,
        "changed": moment,
    }


def say(message):
    sys.stdout.write(json.dumps(message, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def schema(stream="complaints", key=("id",), more=None):
    properties = {**PROPERTIES, **(more or {})}
    say(
        {
            "type": "SCHEMA",
            "stream": stream,
            "schema": {**SCHEMA, "properties": properties},
            "key_properties": list(key),
        }
    )


def row(index, stream="complaints", **fields):
    say(
        {
            "type": "RECORD",
            "stream": stream,
            "record": {**record(index), **fields},
            "time_extracted": datetime.now(UTC).isoformat(),
        }
    )


def state(reached):
    say({"type": "STATE", "value": {"bookmarks": {"complaints": {"reached": reached}}}})


def catalog():
    streams = [
        {
            "stream": name,
            "tap_stream_id": name,
            "key_properties": ["id"],
            "schema": SCHEMA,
            "metadata": [{"breadcrumb": [], "metadata": {"inclusion": "available"}}],
        }
        for name in ("complaints", "praise", "payroll")
    ]
    say({"streams": streams})


def is_selected(path, stream):
    if path is None:
        return True
    for one in json.loads(Path(path).read_text("utf-8"))["streams"]:
        if one["stream"] == stream:
            own = [entry["metadata"] for entry in one["metadata"] if entry["breadcrumb"] == []]
            return bool(own and own[0].get("selected"))
    return False


def well_behaved(config, known, selected):
    count, every = config.get("count", 10), config.get("every", 5)
    first = known.get("bookmarks", {}).get("complaints", {}).get("reached", 0)
    for stream in ("complaints", "praise", "payroll"):
        if selected(stream):
            schema(stream)
    for index in range(first, count):
        for stream in ("complaints", "praise"):
            if selected(stream):
                row(index, stream, **({"kind": "praise"} if stream == "praise" else {}))
        if (index + 1) % every == 0:
            state(index + 1)
    state(max(first, count))


def up_to_the_fourth():
    schema()
    for index in range(3):
        row(index)
    state(3)
    row(3)


def garbage(*_):
    up_to_the_fourth()
    sys.stdout.write("Connecting to 13900001234 …\n")
    row(4)
    state(5)


def broken_record(*_):
    up_to_the_fourth()
    sys.stdout.write('{"type": "RECORD", "stream": "complaints", "record": {"id": "T9", "weight": NaN}}\n')
    row(4)
    state(5)


def crash(*_):
    up_to_the_fourth()
    sys.stderr.write("INFO asked for page 2 of 张三丰\n")
    raise ConnectionError("no route to 张三丰, 13900001234")


def cut_line(*_):
    up_to_the_fourth()
    sys.stdout.write('{"type": "RECORD", "stream": "complaints", "rec')
    sys.stdout.flush()
    os._exit(0)


def no_last_line_end(*_):
    schema()
    row(0)
    sys.stdout.write('{"type": "STATE", "value": {"bookmarks": {"complaints": {"reached": 1}}}}')


def killed(*_):
    up_to_the_fourth()
    os.kill(os.getpid(), 9)


def hang(config, *_):
    up_to_the_fourth()
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    Path(config["pids"]).write_text(f"{os.getpid()} {child.pid}", "utf-8")
    time.sleep(600)


def stubborn(config, *_):
    import signal

    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    hang(config)


def child_left_behind(config, *_):
    schema()
    row(0)
    state(1)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    Path(config["pids"]).write_text(str(child.pid), "utf-8")


def endless_line(*_):
    up_to_the_fourth()
    while True:
        sys.stdout.write("x" * 65_536)


def endless_murmur(*_):
    schema()
    for _line in range(200):
        sys.stderr.write("x" * 65_536)
    row(0)
    state(1)


def never_ends(*_):
    schema()
    index = 0
    while True:
        row(index)
        state(index + 1)
        index += 1
        time.sleep(0.01)


def drip(config, *_):
    schema()
    for index in range(3):
        row(index)
        state(index + 1)
        time.sleep(config["pause_s"])


def state_before_records(*_):
    schema()
    state(3)
    for index in range(2):
        row(index)
    raise ConnectionError


def record_before_schema(*_):
    row(0)


def schema_grows(*_):
    schema()
    row(0)
    schema(more={"district": {"type": "string"}})
    row(1, district="羊山新区")
    state(2)


def key_changes(*_):
    schema()
    row(0)
    state(1)
    schema(key=("kind", "id"))
    row(1)


def other_key(*_):
    schema(key=("kind", "id"))
    row(0)
    state(1)


def no_key(*_):
    schema(key=())
    row(0)


def no_words(*_):
    pass


def another_stream_too(*_):
    schema()
    schema("payroll")
    row(0)
    row(1, "payroll")
    state(1)


def replaces(*_):
    schema()
    row(0)
    say({"type": "ACTIVATE_VERSION", "stream": "complaints", "version": 2})
    row(1)
    state(2)


def batch(*_):
    schema()
    say(
        {
            "type": "BATCH",
            "stream": "complaints",
            "encoding": {"format": "jsonl"},
            "manifest": ["file:///etc/passwd"],
        }
    )


def unknown_type(*_):
    schema()
    say({"type": "RECROD", "stream": "complaints", "record": record(0)})


def member_of_wrong_type(*_):
    say({"type": "SCHEMA", "stream": 7, "schema": SCHEMA, "key_properties": "id"})


def state_is_no_object(*_):
    schema()
    say({"type": "STATE", "value": 7})


def not_an_object(*_):
    schema()
    say({"type": "RECORD", "stream": "complaints", "record": ["T1"]})
    row(1)
    state(2)


def deleted(*_):
    schema()
    row(0, _sdc_deleted_at="2026-11-23T08:00:00Z")
    row(1, _sdc_deleted_at=None)
    state(2)


def tells_what_it_got(config, *_):
    told = dict(os.environ)
    mode = f"{Path(config['__path__']).stat().st_mode & 0o777:o}"
    folder = f"{Path(config['__path__']).parent.stat().st_mode & 0o777:o}"
    schema()
    say(
        {
            "type": "RECORD",
            "stream": "complaints",
            "record": {
                **record(0),
                "told": {"environ": told, "config": config, "mode": mode, "folder": folder},
            },
        }
    )
    state(1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", required=True)
    parser.add_argument("--state")
    parser.add_argument("--catalog", "--properties", dest="catalog")
    parser.add_argument("--discover", action="store_true")
    given = parser.parse_args()
    config = {**json.loads(Path(given.config).read_text("utf-8")), "__path__": given.config}
    if given.discover:
        if config.get("discovery") == "broken":
            sys.stdout.write("usage: tap\n")
        elif config.get("discovery") == "hangs":
            time.sleep(600)
        elif config.get("discovery") == "crashes":
            raise PermissionError("13900001234")
        else:
            catalog()
        return
    known = json.loads(Path(given.state).read_text("utf-8")) if given.state else {}
    globals()[config.get("play", "well_behaved")](
        config, known, lambda stream: is_selected(given.catalog, stream)
    )


if __name__ == "__main__":
    main()
