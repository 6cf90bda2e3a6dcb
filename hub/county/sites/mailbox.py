"""The complaints mailbox's site: an IMAP server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hub.county.imap_server import ImapServer
from hub.county.render import mailbox
from hub.county.render.letters import by_web
from hub.county.sites.site import Ground, Site
from hub.county.world.voices import Happening, Voice

PASSWORD = "mailbox_password"


class MailboxSite(Site):
    """Serves the voices as mails, but for those that `hub.county.sites.letters` shows."""

    channel = "mailbox"
    owner = "处置办理股室"
    secrets = (PASSWORD,)

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground)
        self.server = ImapServer({mailbox.TO: ground.secrets[PASSWORD]})

    def start(self) -> None:
        """See `Site.start`."""
        self.server.start()

    def stop(self) -> None:
        """See `Site.stop`."""
        self.server.stop()

    def settings(self) -> Mapping[str, Any]:
        """See `Site.settings`."""
        return {
            "source": {
                "kind": "imap",
                "host": self.server.host,
                "port": self.server.port,
                "security": "plain",
                "user": mailbox.TO,
                "password_secret": PASSWORD,
            }
        }

    def arrive(self, happenings: Sequence[Happening], *, number: int, again: bool) -> int:
        """See `Site.arrive`."""
        voices = [one for one in happenings if isinstance(one, Voice) and not by_web(one)]
        for voice in voices:
            self.server.append(mailbox.TO, mailbox.mail(voice), voice.changed_at)
        return len(voices)
