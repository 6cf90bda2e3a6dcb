"""What "Sources without code" shows is written, proven and complained about as its reader would see it."""

from pathlib import Path

from hub.sdk.declarative.files import shipped_names
from tests.docs.pages import Terminal, blocks, steps, text_of

PAGE = Path("docs/sources-without-code.md")


def test_the_source_of_the_page_is_written_and_keeps_the_contract(tmp_path):
    with Terminal(tmp_path) as terminal:
        for block in blocks(PAGE):
            if block.path is not None:
                terminal.write(block)
        typed = [
            terminal.type(step) for block in blocks(PAGE) if block.info == "console" for step in steps(block)
        ]

    assert len(typed) == 2


def test_every_ready_mapping_is_named():
    rows = [line for line in text_of(PAGE).splitlines() if line.startswith("| `")]

    assert set(shipped_names()) <= {line.split("`")[1] for line in rows}
