"""Finds what is installed in the entry-point group ``hub.plugins`` and loads each by itself.

Why not pluggy's own loop: there, one plugin's ImportError stops all (design decision 3). Here each import runs in a
thread with a time limit, and whatever it raises is written down beside the plugin's name.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import Any

from hub._version import SDK_VERSION, __version__
from hub.errors import Code
from hub.plugins.calls import DEFAULT_CALL_TIMEOUT_S, Expired, bounded, place_of
from hub.plugins.entries import BrokenPlugin, Origin, PluginFailure
from hub.plugins.registry import PluginSet
from hub.sdk.hookspecs import GROUP

DEFAULT_IMPORT_TIMEOUT_S = 15.0


@dataclass(frozen=True, slots=True)
class InstalledPlugin:
    """One entry point, not imported."""

    name: str
    distribution: str
    version: str
    target: str


def installed_plugins(entry_points: Iterable[EntryPoint] | None = None) -> tuple[InstalledPlugin, ...]:
    """What is installed, sorted by name then distribution; imports none of it."""
    return tuple(_installed(point) for point in _sorted(entry_points))


def load_plugins(
    settings: Any = None,
    *,
    entry_points: Iterable[EntryPoint] | None = None,
    builtin: Mapping[str, object] | None = None,
    disabled: Collection[str] = (),
    only: Collection[str] | None = None,
    import_timeout_s: float = DEFAULT_IMPORT_TIMEOUT_S,
    call_timeout_s: float = DEFAULT_CALL_TIMEOUT_S,
    on_failure: Callable[[PluginFailure], object] | None = None,
) -> PluginSet:
    """All plugins that can be loaded; those that cannot stand in `PluginSet.broken`. Never raises for a plugin's sake.

    Args:
        settings: Told to every plugin's ``configure``.
        entry_points: Instead of those installed in the group ``hub.plugins``.
        builtin: Name -> module or object of the hub's own plugins; theirs is the first claim on every name and the last
            answer to every ``provide_*``.
        disabled: Names of plugins that are not imported.
        only: Names of the only plugins that are imported; empty for none, None for all. Builtin ones are always loaded.
        import_timeout_s: Seconds that one plugin's import may take.
        call_timeout_s: Seconds that one hook call may take where the caller names no other limit.
        on_failure: Told of every failed hook call; for the log.
    """
    plugins = PluginSet(settings, call_timeout_s=call_timeout_s, on_failure=on_failure)
    own = dict(builtin or {})
    for name in sorted(own):
        plugins.add(own[name], Origin(name, "weisu-hub", __version__, builtin=True))
    found: list[tuple[object, Origin]] = []
    taken = dict.fromkeys(own, "weisu-hub")
    for point in _sorted(entry_points):
        installed = _installed(point)
        origin = Origin(installed.name, installed.distribution, installed.version)
        if origin.plugin in disabled or (only is not None and origin.plugin not in only):
            plugins.disable(origin)
        elif origin.plugin in taken:
            plugins.refuse(_same_name(origin, taken[origin.plugin]))
        else:
            taken[origin.plugin] = origin.distribution
            loaded = _load(point, origin, import_timeout_s)
            if isinstance(loaded, BrokenPlugin):
                plugins.refuse(loaded)
            else:
                found.append((loaded, origin))
    for plugin, origin in found:
        plugins.add(plugin, origin)
    return plugins


def _sorted(entry_points: Iterable[EntryPoint] | None) -> list[EntryPoint]:
    if entry_points is None:
        from importlib.metadata import entry_points as all_entry_points

        entry_points = all_entry_points(group=GROUP)
    return sorted(entry_points, key=lambda point: (point.name, _installed(point).distribution, point.value))


def _installed(point: EntryPoint) -> InstalledPlugin:
    distribution = point.dist
    if distribution is None:
        return InstalledPlugin(point.name, "?", "?", point.value)
    # A folder whose metadata was half removed tells neither.
    told = distribution.metadata.json
    return InstalledPlugin(point.name, str(told.get("name", "?")), str(told.get("version", "?")), point.value)


def _load(point: EntryPoint, origin: Origin, timeout_s: float) -> object | BrokenPlugin:
    what = f"plugin {origin.plugin!r} of {origin.distribution} {origin.version} ({point.value})"
    remedy = f"mend or uninstall it, or name it under plugins.disabled: pip uninstall {origin.distribution}"
    try:
        plugin = bounded(point.load, timeout_s=timeout_s, name=f"import {origin.plugin}")
    except Expired:
        text = f"{what}: its import did not end within {timeout_s:g} s (expected no work at import); {remedy}"
        return _broken(origin, Code.PLUGIN_TIMEOUT, text)
    except KeyboardInterrupt:
        raise
    except BaseException as exc:  # noqa: BLE001 - SystemExit and all: one plugin's import must not stop the hub
        told = " ".join(str(exc).split())[:200]
        text = f"{what}: its import raised {type(exc).__name__}: {told} at {place_of(exc)} (expected none); {remedy}"
        return _broken(origin, Code.PLUGIN_BROKEN, text)
    fault = _version_fault(plugin, what)
    return plugin if fault is None else _broken(origin, Code.PLUGIN_INCOMPATIBLE, fault)


def _version_fault(plugin: object, what: str) -> str | None:
    """Why this plugin was not written for this hub."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    declared = getattr(plugin, "SDK_VERSION", None)
    if declared is None:
        declared = getattr(sys.modules.get(getattr(plugin, "__module__", "")), "SDK_VERSION", None)
    major = SDK_VERSION.partition(".")[0]
    how = f'write SDK_VERSION = ">={SDK_VERSION},<{int(major) + 1}" into its module once it was tried against this hub'
    if not isinstance(declared, str) or not declared.strip():
        return f"{what}: declares no SDK_VERSION (expected a range of hub.sdk versions); {how}"
    try:
        wanted = SpecifierSet(declared)
    except InvalidSpecifier:
        return f"{what}: SDK_VERSION {declared[:40]!r} is no range of versions (expected such as '>=1.0,<2'); {how}"
    if wanted.contains(SDK_VERSION, prereleases=True):
        return None
    return (
        f"{what}: was written for hub.sdk {declared[:60]}, but this hub brings {SDK_VERSION}; "
        "install a release of the plugin that fits, or a hub that does"
    )


def _same_name(origin: Origin, other: str) -> BrokenPlugin:
    text = (
        f"plugin {origin.plugin!r} of {origin.distribution} bears the name of a plugin of {other} "
        "(expected a name of its own); rename its entry point or uninstall one of the two"
    )
    return _broken(origin, Code.PLUGIN_BROKEN, text)


def _broken(origin: Origin, code: Code, message: str) -> BrokenPlugin:
    return BrokenPlugin(origin.plugin, origin.distribution, origin.version, code, message)
