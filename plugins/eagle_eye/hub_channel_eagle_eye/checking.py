"""Lines of `Channel.check` that every source has."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hub.sdk import Check, ConfigError, RawRecord, RecordRejected, SourceContractError, SourceUnavailable


def line(name: str, look: Callable[[], str]) -> Check:
    """One line: what was found, or what failed."""
    try:
        return Check(name, True, look())
    except (SourceUnavailable, SourceContractError, ConfigError) as exc:
        return Check(name, False, exc.message)


def readable(name: str, records: Sequence[RawRecord], read: Callable[[RawRecord], object]) -> Check:
    """Whether these records can be read."""
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
    return Check(
        name,
        False,
        f"{len(codes)} of {len(records)} cannot be read ({told}): compare them with samples/, then mend devices, codes and names in the "
        "settings",
    )
