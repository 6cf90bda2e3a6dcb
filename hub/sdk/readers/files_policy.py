"""Where files are dropped and when one is ready: part of a channel's settings in hub.yaml. Light, so that settings may hold it."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from hub.sdk.readers.policy import MIB

SecretName = Annotated[
    str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,99}$", description="Name of a secret, not its value.")
]
FolderName = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f/\\.][^\x00-\x1f/\\]{0,60}$")]
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}=?")
_KEY_LINE = re.compile(r"(?:\S+ )?(?:ssh-|ecdsa-|sk-)\S+ [A-Za-z0-9+/]{40,}={0,3}(?: .*)?")


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LocalFolder(_Strict):
    """A folder of this machine, or one that is mounted here.

    Attributes:
        path: Absolute.
    """

    kind: Literal["folder"]
    path: Annotated[str, StringConstraints(pattern=r"^/[^\x00-\x1f]*$")]


class SftpFolder(_Strict):
    """A folder of an SFTP server.

    Attributes:
        host: Name or address of the server.
        port: Of SSH.
        user: Who logs in.
        host_keys: The server's own key, as ``ssh-keyscan`` or ``known_hosts`` shows it, or its fingerprint ``SHA256:…``; several while it is
            being replaced. A server with another key is never spoken to.
        password: Name of the secret with the password.
        private_key: Name of the secret with the private key, in OpenSSH's or PEM form; it goes before the password.
        passphrase: Name of the secret that opens the private key, where it is locked.
        folder: On the server, absolute or below the user's home.
        connect_timeout_s: For the connection, and again for login.
        silence_s: Longest silence of the server.
        deadline_s: For one file.
        tries: For one question or file; it goes on where it broke off.
        rate_per_s: Most connections and files a second, over all processes; none for no limit.
        burst: How many may go at once after a pause.
    """

    kind: Literal["sftp"]
    host: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=253)]
    port: int = Field(default=22, ge=1, le=65_535)
    user: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    host_keys: tuple[str, ...] = Field(min_length=1)
    password: SecretName | None = None
    private_key: SecretName | None = None
    passphrase: SecretName | None = None
    folder: Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f]+$")] = "."
    connect_timeout_s: float = Field(default=10.0, gt=0, le=120)
    silence_s: float = Field(default=30.0, gt=0, le=300)
    deadline_s: float = Field(default=200.0, gt=0, le=300)
    tries: int = Field(default=3, ge=1, le=10)
    rate_per_s: float | None = Field(default=None, gt=0)
    burst: int = Field(default=10, ge=1)

    @field_validator("host_keys")
    @classmethod
    def _are_keys(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        for value in values:
            if not (_FINGERPRINT.fullmatch(value) or _KEY_LINE.fullmatch(value)):
                raise ValueError(
                    "must be lines of known_hosts (ssh-ed25519 AAAA…) or fingerprints (SHA256:…)"
                )
        return values

    @model_validator(mode="after")
    def _can_log_in(self) -> Self:
        if self.password is None and self.private_key is None:
            raise ValueError("names neither password nor private_key: one of them must prove who logs in")
        return self


FileSource = Annotated[LocalFolder | SftpFolder, Field(discriminator="kind")]


class FilesPolicy(_Strict):
    """When a file is ready, and what becomes of it.

    Attributes:
        ready: ``stable``: size and time did not change for ``stable_s``. ``done_file``: ``NAME.ok`` or ``NAME.done`` stands beside it.
        stable_s: Seconds; a run that finds a new file waits so long once, for all of them.
        patience_s: A file whose end is missing is waited for so long, then rejected.
        overdue_s: A file that is not ready for so long makes every run end with an error (``file_waiting``) until somebody looks.
        after_reading: ``move``: to ``done/YYYY-MM/`` or ``rejected/``, with a report. ``keep``: files stay, known by name, size and time; there is no
            report but the quarantine.
        done: Name of the folder for files that were read, below the source's.
        rejected: Name of the folder for files that could not be, and for reports.
        batch: Records a page.
        max_file_bytes: A larger file is rejected unread.
    """

    ready: Literal["stable", "done_file"] = "stable"
    stable_s: float = Field(default=10.0, ge=0, le=120)
    patience_s: float = Field(default=3_600.0, ge=0, le=30 * 86_400)
    overdue_s: float = Field(default=86_400.0, gt=0, le=30 * 86_400)
    after_reading: Literal["move", "keep"] = "move"
    done: FolderName = "done"
    rejected: FolderName = "rejected"
    batch: int = Field(default=500, ge=1, le=5_000)
    max_file_bytes: int = Field(default=32 * MIB, ge=1_024, le=256 * MIB)
