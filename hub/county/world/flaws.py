"""The ways in which a record can be unusable, by channel; what each looks like is the renderers' to say (`hub.county.render`)."""

from __future__ import annotations

from collections.abc import Mapping

VOICES: Mapping[str, tuple[str, ...]] = {
    "app": ("type", "words", "state", "time"),
    "hotline": ("type", "no_demand", "state", "words", "time"),
    "mailbox": ("type", "automatic"),
    "portal": ("type", "number", "words", "state", "time"),
    "presubmission_window": ("result", "time", "type"),
    "unresolved_window": ("time", "method", "type", "words"),
}
MONITORED: Mapping[str, tuple[str, ...]] = {
    "case": ("state", "term", "fee"),
    "rating": ("code", "time"),
    "event": ("level", "time"),
}
# By what makes the visit: an inspection's daily round, an observer's walk, a leader's visit.
VISITS: Mapping[str, tuple[str, ...]] = {
    "daily": ("verdict", "time"),
    "walk": ("step", "time"),
    "visit": ("trait", "time"),
}
