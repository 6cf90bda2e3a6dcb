"""Letters on the county's web mailbox: names masked, neither telephone nor address shown, days without an hour in the list."""

from __future__ import annotations

from html import escape

from hub.county.letters_server import Letter
from hub.county.render.forms import local, masked_name
from hub.county.world.voices import Voice


def by_web(voice: Voice) -> bool:
    """Whether somebody wrote on the site rather than by mail: every other voice; the truth's unusable ones are mails."""
    return voice.flaw is None and voice.number[-1:] in "13579"


def letter(voice: Voice) -> Letter:
    """The voice as the site shows it."""
    words = f"<p>您好：</p><p>{escape(voice.words)}</p>"
    return Letter(
        number=voice.number,
        title=voice.title,
        kind=voice.kind,
        writer=masked_name(voice.person),
        at=local(voice.at),
        words=f"{words}<p>&nbsp;　此致</p>" if "html" in voice.dirt else words,
    )
