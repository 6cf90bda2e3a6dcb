"""What the private server is doing, and the two notes that it leaves beside its log."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

Lifetime = Literal["until_idle", "keep"]


class ServerState(StrEnum):
    """What a caller meets at the socket."""

    READY = "ready"  # a query with our password was answered
    STARTING = "starting"  # alive, starting or recovering from a crash
    STOPPING = "stopping"
    REFUSING = "refusing"  # alive, and refuses our login: wrong password, connections used up
    SILENT = "silent"  # alive, and does not answer
    STOPPED = "stopped"


class PrivateServerStatus(BaseModel):
    """One look at the private server.

    Attributes:
        running: A query was answered just now.
        version: PostgreSQL's, such as "18.4"; of the running server, else the major number of the data folder.
        data_folder: None until the first start.
        size_bytes: Of all files in the data folder, write-ahead log included.
        started_by: Account and process that started it; None when it does not run.
        lifetime: "keep" outlives its last user; None when it does not run.
        account: The account that it runs under.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    running: bool
    state: ServerState
    pid: int | None = None
    version: str | None = None
    data_folder: Path | None = None
    socket_folder: Path | None = None
    log_file: Path
    since: AwareDatetime | None = None
    size_bytes: int = 0
    started_by: str | None = None
    lifetime: Lifetime | None = None
    account: str | None = None


class Place(BaseModel):
    """Where the server's folder is: `place.json`. Folders inside the home are not named, so that the home may be moved."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    account_uid: int
    server_folder: Path | None = None  # None: <home>/pg-server
    socket_folder: Path | None = None  # None: <server folder>/run
    initialised: bool = False


class Started(BaseModel):
    """Who started the server that runs now, and how long it is to live: `started.json`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    lifetime: Lifetime
    started_by: str
    started_at: AwareDatetime
