"""The cable pulled: ``python -m tests.support.offline COMMAND ...`` runs a command that has this machine's loopback and no other network.

Exits with `REFUSED` where the kernel lets this account make no network namespace.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
import sys
from pathlib import Path

REFUSED = 77
_NEW_USER, _NEW_NET = 0x10000000, 0x40000000
_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 0x1


def pull_the_cable() -> bool:
    """Leaves this process alone with a loopback interface of its own; False where that is refused."""
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.getuid(), os.getgid()
    if libc.unshare(_NEW_NET if user == 0 else _NEW_NET | _NEW_USER):
        return False
    if user != 0:
        for file, line in (
            ("setgroups", "deny"),
            ("uid_map", f"{user} {user} 1"),
            ("gid_map", f"{group} {group} 1"),
        ):
            Path("/proc/self", file).write_text(line, encoding="ascii")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        asked = struct.pack("16sH14x", b"lo", 0)
        (flags,) = struct.unpack("16xH14x", fcntl.ioctl(probe, _GET_FLAGS, asked))
        fcntl.ioctl(probe, _SET_FLAGS, struct.pack("16sH14x", b"lo", flags | _UP))
    return True


if __name__ == "__main__":
    if not pull_the_cable():
        sys.exit(REFUSED)
    os.execvp(sys.argv[1], sys.argv[1:])
