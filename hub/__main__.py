"""``python -m hub``, and the command `hub`: one call of `hub.cli.app`, in a process of its own."""

import gc
import sys

# Importing makes some hundred thousand objects that live as long as the process. By the default threshold the collector would
# look through them again and again, for a quarter of a short command's time; a hub that is open sets its own (`hub.runtime.hub`).
_WHILE_STARTING = 500_000


def main() -> int:
    """Runs the command of this process's arguments and returns its exit code."""
    gc.set_threshold(_WHILE_STARTING, 10, 10)
    from hub.cli.app import main

    try:
        return main()
    finally:
        # The process ends here: the interpreter would look through all of it for cycles, several times.
        gc.freeze()


if __name__ == "__main__":
    sys.exit(main())
