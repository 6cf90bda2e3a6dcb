"""What a department is told to do with a webhook is done here, with what the hub signs."""

import json
import re
import sqlite3
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks

from docs._generate import webhook
from hub.model.codes import DemandType
from hub.model.config import EndpointEntry
from hub.pipeline.dispatch import shown
from hub.pipeline.retries import STANDARD_DELAYS_S
from hub.sdk.signing import generate_secret, sign, verify
from tests.docs.pages import Terminal, blocks, text_of
from tests.support.left_out import find_program

GUIDE = Path("docs/department-guide.zh-CN.md")
BODY = '{"order_no":"J41152120261123000003","title":"窗口没有人"}'.encode()


def blocks_in(language):
    return [block for block in blocks(GUIDE) if block.info == language]


@pytest.fixture(scope="module")
def department():
    """The Python program of the page."""
    (program,) = blocks_in("python")
    names: dict[str, Any] = {}
    exec(compile(program.body, str(GUIDE), "exec"), names)
    return names


@pytest.fixture
def inbox():
    with sqlite3.connect(":memory:") as opened:
        yield opened
    opened.close()


def signed(secrets, *, at=None, message_id="msg_1"):
    return sign(secrets, message_id, at or datetime.now(UTC), BODY)


def test_the_python_program_takes_what_the_hub_signed_once_for_each_id(department, inbox):
    secret = generate_secret()

    answers = [department["receive"](signed(secret), BODY, [secret], inbox) for _ in range(3)]

    assert answers == [202, 202, 202]
    assert inbox.execute("SELECT message_id, body FROM inbox").fetchall() == [("msg_1", BODY)]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda headers: {**headers, "webhook-id": "msg_2"},
        lambda headers: {**headers, "webhook-signature": "v1,AAAA"},
        lambda headers: {**headers, "webhook-signature": "nonsense"},
        lambda headers: {name: value for name, value in headers.items() if name != "webhook-timestamp"},
    ],
    ids=["another id", "another signature", "no signature", "no time"],
)
def test_the_python_program_answers_401_to_what_was_tampered_with_and_keeps_nothing(department, inbox, spoil):
    secret = generate_secret()

    assert department["receive"](spoil(signed(secret)), BODY, [secret], inbox) == 401
    assert department["receive"](signed(secret), BODY + b" ", [secret], inbox) == 401
    assert inbox.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)


def test_either_secret_of_a_rotation_verifies(department, inbox):
    old, new = generate_secret(), generate_secret()

    for known in ([old], [new], [new, old]):
        assert department["receive"](signed([new, old]), BODY, known, inbox) == 202


def test_a_message_older_than_five_minutes_is_refused(department, inbox):
    secret, late = generate_secret(), datetime.now(UTC) - timedelta(seconds=330)

    assert department["receive"](signed(secret, at=late), BODY, [secret], inbox) == 401


def test_the_vector_of_the_page_verifies_by_the_public_library_and_by_the_hub():
    page = text_of(GUIDE)
    secret, message_id, timestamp, signature = (
        re.findall(rf"^\| {name} \| `([^`]+)` \|$", page, re.M)[0]
        for name in ("密钥", "`webhook-id`", "`webhook-timestamp`", "`webhook-signature`")
    )
    (text,) = blocks_in("text")
    body = text.body.rstrip("\n")

    moment = datetime.fromtimestamp(int(timestamp), UTC)
    headers = {"webhook-id": message_id, "webhook-timestamp": timestamp, "webhook-signature": signature}
    assert standardwebhooks.Webhook(secret).sign(message_id, moment, body) == signature
    assert verify(headers, body.encode(), secret, now=moment) == message_id
    assert body.encode() == webhook.body()
    (example,) = blocks_in("json")
    assert json.loads(example.body) == json.loads(body)


def test_times_and_attempts_of_the_page_are_those_of_the_code():
    page = text_of(GUIDE)

    assert f"{EndpointEntry.model_fields['timeout_s'].default:g} 秒内返回 2xx" in page
    assert f"{len(STANDARD_DELAYS_S)} 次共历时约 {sum(STANDARD_DELAYS_S) / 3600:.1f} 小时" in page


def test_of_a_protected_demand_the_number_alone_is_sent():
    report = webhook.demand().model_copy(update={"demand_type": DemandType.REPORT})

    assert shown(report, protected=True) == {"demand_no": report.demand_no}


def cases(secret):
    """Name -> headers, body, secrets, and whether it is genuine."""
    other, good = generate_secret(), signed(secret)
    late = signed(secret, at=datetime.now(UTC) - timedelta(seconds=330))
    return {
        "sound": (good, BODY, [secret], True),
        "rotated": (signed([other, secret]), BODY, [secret], True),
        "second secret": (good, BODY, [other, secret], True),
        "another secret": (good, BODY, [other], False),
        "body": (good, BODY + b" ", [secret], False),
        "id": ({**good, "webhook-id": "msg_2"}, BODY, [secret], False),
        "late": (late, BODY, [secret], False),
        "no time": ({**good, "webhook-timestamp": "now"}, BODY, [secret], False),
        "signature": ({**good, "webhook-signature": "v1,AAAA v2,BBBB"}, BODY, [secret], False),
    }


def program(package):
    found = find_program(package)
    assert found is not None
    return found


@pytest.mark.debian("nodejs")
def test_the_node_program_of_the_page_tells_genuine_from_false(tmp_path):
    given = cases(generate_secret())
    (block,) = blocks_in("js")
    with Terminal(tmp_path) as terminal:
        terminal.write(block)
    calls = [
        {"headers": headers, "body": body.decode(), "secrets": secrets}
        for headers, body, secrets, _ in given.values()
    ]
    (tmp_path / "cases.json").write_text(json.dumps(calls))
    (tmp_path / "run.mjs").write_text(
        'import { readFileSync } from "node:fs";\n'
        'import { isGenuine } from "./webhook-check.mjs";\n'
        'const cases = JSON.parse(readFileSync("cases.json"));\n'
        "const answers = cases.map((one) => isGenuine(one.headers, Buffer.from(one.body), one.secrets));\n"
        "console.log(JSON.stringify(answers));\n"
    )
    told = subprocess.run(
        [program("nodejs"), "run.mjs"], cwd=tmp_path, capture_output=True, check=True, timeout=60
    )

    assert dict(zip(given, json.loads(told.stdout), strict=True)) == {
        name: genuine for name, (_, _, _, genuine) in given.items()
    }


@pytest.mark.debian("default-jdk-headless")
def test_the_java_program_of_the_page_tells_genuine_from_false(tmp_path):
    given = cases(generate_secret())
    (block,) = blocks_in("java")
    with Terminal(tmp_path) as terminal:
        terminal.write(block)
    (tmp_path / "Run.java").write_text(
        "import java.time.Instant;\nimport java.util.Arrays;\nimport java.nio.charset.StandardCharsets;\n"
        "public class Run {\n  public static void main(String[] a) throws Exception {\n"
        "    for (int i = 0; i < a.length; i += 5) {\n"
        "      System.out.println(WebhookCheck.isGenuine(a[i], a[i + 1], a[i + 2],\n"
        '          a[i + 3].getBytes(StandardCharsets.UTF_8), Arrays.asList(a[i + 4].split(" ")), Instant.now()));\n'
        "    }\n  }\n}\n"
    )
    words = []
    for headers, body, secrets, _ in given.values():
        words += [headers[f"webhook-{name}"] for name in ("id", "timestamp", "signature")]
        words += [body.decode(), " ".join(secrets)]
    javac = program("default-jdk-headless")
    flags = ["-encoding", "UTF-8", "-Xlint:all", "-Werror"]
    subprocess.run([javac, *flags, "WebhookCheck.java", "Run.java"], cwd=tmp_path, check=True, timeout=120)
    told = subprocess.run(
        [javac.with_name("java"), "-Dsun.jnu.encoding=UTF-8", "-Dfile.encoding=UTF-8", "Run", *words],
        cwd=tmp_path,
        env={"LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )

    assert dict(zip(given, told.stdout.split(), strict=True)) == {
        name: str(genuine).lower() for name, (_, _, _, genuine) in given.items()
    }
