"""A hub process for tests that kill it: ``python -m tests.support.worker HUB_YAML [STEP ...]``.

Walks the steps in order, once, naming each as it begins, and prints ``done``; the simulated clerk decides what waits for a person.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from hub.county.demo import decide_as_clerk
from hub.runtime import open_hub
from hub.runtime.hub import Hub

STEPS: dict[str, Callable[[Hub], object]] = {
    "collect": lambda hub: [hub.collect(instance) for instance in sorted(hub.settings.channels)],
    "normalize": lambda hub: hub.normalize(),
    "evaluate": lambda hub: hub.evaluate(),
    "triage": lambda hub: (hub.triage(), decide_as_clerk(hub)),
    "dispatch": lambda hub: hub.dispatch(),
    "deliver": lambda hub: hub.deliver(),
}


def main(argv: list[str]) -> None:
    """Runs the named steps, all of them by default."""
    with open_hub(config=Path(argv[0])) as hub:
        for step in argv[1:] or list(STEPS):
            sys.stdout.write(f"{step}\n")
            sys.stdout.flush()
            STEPS[step](hub)
    sys.stdout.write("done\n")


if __name__ == "__main__":
    main(sys.argv[1:])
