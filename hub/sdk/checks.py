"""Lines of `Channel.check` that most channels have."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hub.errors import ConfigError, RecordRejected, SourceContractError, SourceUnavailable
from hub.sdk.channel import Check, RawRecord


def line(name: str, look: Callable[[], str]) -> Check:
    """One line: what was found, or what failed."""
    try:
        return Check(name, True, look())
    except (SourceUnavailable, SourceContractError, ConfigError) as exc:
        return Check(name, False, exc.message)


def readable(
    name: str, records: Sequence[RawRecord], read: Callable[[RawRecord], object], *, mend: str
) -> Check:
    """Whether these records can be read; with which codes the others cannot.

    Args:
        name: Of the line.
        records: As they would be landed.
        read: What reads one (`Channel.normalize`).
        mend: What to do about those that cannot be read: ``compare them with samples/, then mend types in the settings``.
    """
    codes: list[str] = []
    for record in records:
        try:
            if record.problem is not None:
                codes.append(str(record.problem.code))
            else:
                read(record)
        except RecordRejected as exc:
            codes.append(str(exc.code))
    if not codes:
        return Check(name, True, f"{len(records)} of {len(records)} can be read")
    told = ", ".join(sorted(set(codes)))
    return Check(name, False, f"{len(codes)} of {len(records)} cannot be read ({told}): {mend}")
