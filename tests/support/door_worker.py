"""A hub with its door open that kills itself between the commit of a push and its answer: ``python -m tests.support.door_worker HUB_YAML N``.

The first N - 1 pushes are answered; the N-th is committed, and the process is gone. Says the door's address on its first line.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from hub.api.door import InboundDoor
from hub.runtime import open_hub
from hub.runtime.hub import Hub


def main(argv: list[str]) -> None:
    """Opens the door and waits for its end."""
    left = int(argv[1])
    whole = Hub.receive

    def receive(hub: Hub, *arguments: Any) -> Any:
        nonlocal left
        received = whole(hub, *arguments)
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return received

    Hub.receive = receive  # type: ignore[method-assign, assignment]
    with open_hub(config=Path(argv[0])) as hub:
        hub.require_schema()
        door = InboundDoor(hub).start()
        sys.stdout.write(f"{door.url}\n")
        sys.stdout.flush()
        signal.pause()


if __name__ == "__main__":
    main(sys.argv[1:])
