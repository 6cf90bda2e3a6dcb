"""The collection benchmark measures what it says: its source serves every record, its meter counts every process."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

BENCH = Path(__file__).parents[2] / "bench"
MEASURED = BENCH / "collect" / "measured.py"
ROWS = 1_203
PAGE_SIZE = 500


@pytest.fixture(scope="module")
def source_url() -> Iterator[str]:
    command = [sys.executable, "-m", "collect.source", "--rows", str(ROWS)]
    with subprocess.Popen(
        command, cwd=BENCH, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{json.loads(process.stdout.readline())['port']}/api/zx/list"
        process.terminate()


def fetch(url: str, **query: Any) -> dict[str, Any]:
    answer = requests.get(url, params={"pageSize": PAGE_SIZE, **query}, timeout=10)
    assert answer.status_code == 200
    envelope: dict[str, Any] = answer.json()
    return envelope


def fetch_all(url: str, **query: Any) -> list[dict[str, Any]]:
    pages = [fetch(url, pageNum=number, **query)["data"]["list"] for number in (1, 2, 3, 4)]
    assert pages[3] == []
    return [record for page in pages for record in page]


def test_the_source_serves_each_record_once_ascending_by_time_and_number(source_url: str) -> None:
    records = fetch_all(source_url)
    keys = [(record["gxsj"], record["zxbh"]) for record in records]
    assert len({number for _, number in keys}) == ROWS
    assert keys == sorted(keys)


def test_a_window_of_the_source_holds_both_of_its_borders(source_url: str) -> None:
    records = fetch_all(source_url)
    start, end = records[100]["gxsj"], records[700]["gxsj"]
    expected = [record["zxbh"] for record in records if start <= record["gxsj"] <= end]
    windowed = fetch_all(source_url, gxsjStart=start, gxsjEnd=end)
    assert [record["zxbh"] for record in windowed] == expected
    assert fetch(source_url, gxsjStart=start, gxsjEnd=end)["data"]["total"] == len(expected)


def test_the_source_refuses_a_page_number_that_is_none_in_its_envelope(source_url: str) -> None:
    assert fetch(source_url, pageNum="first")["code"] == 500


def test_records_are_of_the_size_and_mix_that_the_comparison_states(source_url: str) -> None:
    records = fetch_all(source_url)
    sizes = [
        len(json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()) for record in records
    ]
    assert 800 < sum(sizes) / ROWS < 900
    for field in ("sjh", "zjhm"):
        masked = sum("*" in record[field] for record in records)
        assert 0.4 < masked / ROWS < 0.6


def meter(folder: Path, code: str) -> list[str]:
    result = folder / "result.json"
    return [sys.executable, "-I", "-S", str(MEASURED), str(result), "100", sys.executable, "-c", code]


def reported(folder: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((folder / "result.json").read_text())
    return report


def test_the_meter_counts_the_memory_of_a_grandchild_that_detached_itself(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys\n"
        "subprocess.Popen([sys.executable, '-c', 'bytearray(200 << 20)'], start_new_session=True)\n"
    )
    subprocess.run(meter(tmp_path, code), check=True, timeout=120)
    report = reported(tmp_path)
    assert (report["returncode"], report["left_behind"]) == (0, 0)
    assert report["peak_mib"] > 200
    assert report["cpu_s"] > 0


def test_the_meter_told_to_end_ends_a_descendant_that_detached_itself(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys\n"
        "endless = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'], start_new_session=True)\n"
        "print(endless.pid, flush=True)\n"
        "endless.wait()\n"
    )
    with subprocess.Popen(meter(tmp_path, code), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        assert Path(f"/proc/{pid}").exists()
        process.terminate()
    assert not Path(f"/proc/{pid}").exists()
    assert reported(tmp_path)["returncode"] is None
