"""``python -m hub``: the same as the command `hub`."""

import sys

from hub.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
