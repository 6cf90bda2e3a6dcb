"""Medians, ranges and ratios over the samples, as a table for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

from collect.contenders import CONTENDERS
from collect.measure import Sample

_COLUMNS = (
    "contender",
    "rows per CPU s (min–max)",
    "client CPU s",
    "PostgreSQL CPU s",
    "peak MiB",
    "wall s",
    "no-op CPU s (min–max)",
    "hub ÷ this",
)


def summarize(samples: Sequence[Sample], versions: dict[str, str]) -> list[dict[str, Any]]:
    """One entry for each size and contender, in the order of first appearance; figures are medians.

    ``hub_ratio`` is the median over the turns of the hub's rows per CPU second to this contender's in the same turn:
    what a neighbour on the machine costs at one time falls on both.
    """
    groups: dict[tuple[int, str], list[Sample]] = {}
    for sample in samples:
        groups.setdefault((sample.rows, sample.contender), []).append(sample)
    summary = []
    for (rows, name), group in groups.items():
        hub = {sample.turn: sample.first.cpu_s for sample in groups.get((rows, "hub"), [])}
        ratios = [sample.first.cpu_s / hub[sample.turn] for sample in group if sample.turn in hub]
        ratio = median(ratios) if ratios and name != "hub" else None
        summary.append(_figures(rows, name, group) | {"version": versions[name], "hub_ratio": ratio})
    return summary


def _figures(rows: int, name: str, group: Sequence[Sample]) -> dict[str, Any]:
    def spread(of: Callable[[Sample], float]) -> dict[str, float]:
        values = [of(sample) for sample in group]
        return {"median": median(values), "min": min(values), "max": max(values)}

    return {
        "rows": rows,
        "contender": name,
        "repeats": len(group),
        "rows_per_cpu_s": spread(lambda sample: rows / sample.first.cpu_s),
        "client_cpu_s": spread(lambda sample: sample.first.client_cpu_s),
        "postgres_cpu_s": spread(lambda sample: sample.first.postgres_cpu_s),
        "peak_mib": spread(lambda sample: sample.first.peak_mib),
        "wall_s": spread(lambda sample: sample.first.wall_s),
        "source_cpu_s": spread(lambda sample: sample.first.source_cpu_s),
        "noop_cpu_s": spread(lambda sample: sample.again.cpu_s),
        "noop_peak_mib": spread(lambda sample: sample.again.peak_mib),
    }


def as_markdown(summary: Sequence[dict[str, Any]]) -> str:
    """The summary as one Markdown table for each size."""
    parts = []
    for rows in dict.fromkeys(entry["rows"] for entry in summary):
        lines = [f"**{rows:,} records**", ""]
        lines.append("| " + " | ".join(_COLUMNS) + " |")
        lines.append("|---" + "|---:" * (len(_COLUMNS) - 1) + "|")
        lines += ["| " + " | ".join(_cells(entry)) + " |" for entry in summary if entry["rows"] == rows]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _cells(entry: dict[str, Any]) -> list[str]:
    speed, noop = entry["rows_per_cpu_s"], entry["noop_cpu_s"]
    ratio = entry["hub_ratio"]
    return [
        f"{CONTENDERS[entry['contender']].title} ({entry['version']})",
        f"{speed['median']:,.0f} ({speed['min']:,.0f}–{speed['max']:,.0f})",
        f"{entry['client_cpu_s']['median']:.2f}",
        f"{entry['postgres_cpu_s']['median']:.2f}",
        f"{entry['peak_mib']['median']:.0f}",
        f"{entry['wall_s']['median']:.1f}",
        f"{noop['median']:.2f} ({noop['min']:.2f}–{noop['max']:.2f})",
        f"{ratio:.2f}" if ratio else "–",
    ]
