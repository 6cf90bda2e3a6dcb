"""Asks a hub process in this container how it does: exit code 0 when every part is well, 1 with what is not otherwise."""

import sys
import urllib.error
import urllib.request

# A proxy that the container was given is for other hosts than this one.
direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
try:
    with direct.open(f"http://127.0.0.1:{int(sys.argv[1])}/healthz", timeout=8) as answer:
        sys.exit(answer.status != 200)
except urllib.error.HTTPError as refused:
    sys.exit(refused.read(2_000).decode("utf-8", "replace"))
except OSError as away:
    sys.exit(f"/healthz does not answer: {away}")
