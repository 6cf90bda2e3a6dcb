"""The store that settings name."""

from __future__ import annotations

from hub.sdk.context import ChannelContext
from hub.sdk.readers.files_policy import FilesPolicy, LocalFolder, SftpFolder
from hub.sdk.readers.files_store import FileStore


def open_store(source: LocalFolder | SftpFolder, policy: FilesPolicy, ctx: ChannelContext) -> FileStore:
    """A store for a local folder or an SFTP server; it touches nothing before it is asked."""
    if isinstance(source, LocalFolder):
        from hub.sdk.readers.files_local import LocalStore

        return LocalStore(source.path, ctx.instance, policy.max_file_bytes)
    from hub.sdk.readers.files_sftp import SftpStore

    return SftpStore(source, ctx, policy.max_file_bytes)
