"""The second source of the complaints mailbox: the county's site shows the letters to its head, and in time their answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hub.county.letters_server import LIST_PATH, LettersServer
from hub.county.render.forms import local
from hub.county.render.letters import by_web, letter
from hub.county.sites.site import Ground, Site
from hub.county.world.voices import Happening, Voice

ANSWERED_AFTER = 3


class LettersSite(Site):
    """Serves those voices of the mailbox that were written on the site; a letter is answered when three more batches have arrived."""

    channel = "mailbox"
    owner = "县政府办公室"

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground)
        self.server = LettersServer()
        self._open: dict[str, int] = {}

    def start(self) -> None:
        """See `Site.start`."""
        self.server.start()

    def stop(self) -> None:
        """See `Site.stop`."""
        self.server.stop()

    def settings(self) -> Mapping[str, Any]:
        """See `Site.settings`."""
        return {
            "sub_source": "县长信箱",
            "source": {
                "kind": "web_pages",
                "base_url": self.server.url,
                "list_path": LIST_PATH,
                "http": {"rate_per_s": None},
            },
        }

    def arrive(self, happenings: Sequence[Happening], *, number: int, again: bool) -> int:
        """See `Site.arrive`."""
        voices = [one for one in happenings if isinstance(one, Voice) and by_web(one)]
        for voice in voices:
            self.server.put(letter(voice))
            self._open[voice.number] = number
        due = [one for one, since in self._open.items() if number - since >= ANSWERED_AFTER]
        for one in due:
            del self._open[one]
            now = local(self.ground.clock.now())
            self.server.answer(
                one, "您好，来信收悉，已责成有关单位核实办理。", by="示例县人民政府办公室", at=now
            )
        return len(voices) + len(due)
