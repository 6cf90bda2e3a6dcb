"""The loaded plugins: what each brings, which are broken and why, and the calls that reach all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pluggy

from hub.errors import Code, ConfigError, HubError
from hub.plugins import checks
from hub.plugins.calls import DEFAULT_CALL_TIMEOUT_S, BoundedCall, Expired, place_of, timed_out
from hub.plugins.entries import (
    BrokenPlugin,
    ChannelEntry,
    ClassifierEntry,
    NotifierEntry,
    Origin,
    PluginFailure,
    PluginInfo,
    RedactorEntry,
    RuleEntry,
)
from hub.sdk.hookspecs import PROJECT, HubSpec

HIDDEN_TEXT = "【脱敏失败，未予显示】"


class PluginSet:
    """All plugins of one process.

    Attributes:
        channels: By channel name.
        rules: By rule id.
        notifiers: By kind.
        redactors: In the order of their plugins.
        classifiers: By name; none is used before hub.yaml names it.
        failures: How often each (plugin, hook, code) failed in a call since the start; for metrics.
    """

    def __init__(
        self,
        settings: Any = None,
        *,
        call_timeout_s: float = DEFAULT_CALL_TIMEOUT_S,
        on_failure: Callable[[PluginFailure], object] | None = None,
    ) -> None:
        self.channels: dict[str, ChannelEntry] = {}
        self.rules: dict[str, RuleEntry] = {}
        self.notifiers: dict[str, NotifierEntry] = {}
        self.redactors: list[RedactorEntry] = []
        self.classifiers: dict[str, ClassifierEntry] = {}
        self.failures: Counter[tuple[str, str, str]] = Counter()
        self._settings = settings
        self._call_timeout_s = call_timeout_s
        self._on_failure = on_failure
        self._broken: list[BrokenPlugin] = []
        self._disabled: list[Origin] = []
        self._origins: dict[str, Origin] = {}
        self._hooks: dict[str, tuple[str, ...]] = {}
        self._hanging: dict[str, BoundedCall[Any]] = {}
        self._manager = _manager()

    @property
    def broken(self) -> tuple[BrokenPlugin, ...]:
        """Sorted by name."""
        return tuple(sorted(self._broken, key=lambda broken: (broken.name, broken.distribution)))

    def refuse(self, broken: BrokenPlugin) -> None:
        """Notes a plugin, or one of its contributions, that is not used."""
        self._broken.append(broken)

    def disable(self, origin: Origin) -> None:
        """Notes a plugin that is installed and left out by configuration."""
        self._disabled.append(origin)

    def add(self, plugin: object, origin: Origin) -> None:
        """Registers one plugin, tells it the settings and takes what it brings; its faults end in `broken`.

        A plugin with a hook that the hub does not know, or whose ``configure`` fails, is refused as a whole; one whose
        ``register_*`` fails or brings something unusable loses only that.
        """
        fault = self._hook_fault(plugin, origin)
        if fault is not None:
            self._refuse(origin, Code.PLUGIN_BROKEN, fault)
            return
        self._manager.register(plugin, name=origin.plugin)
        self._origins[origin.plugin] = origin
        self._hooks[origin.plugin] = tuple(
            sorted(caller.name for caller in self._manager.get_hookcallers(plugin) or ())
        )
        if any(
            isinstance(result, PluginFailure)
            for _, result in self._calls("configure", {"settings": self._settings}, only=origin.plugin)
        ):
            self._manager.unregister(name=origin.plugin)
            del self._origins[origin.plugin]
            return
        self._take(origin)

    def _hook_fault(self, plugin: object, origin: Origin) -> str | None:
        """Why pluggy will not have this plugin: tried in a manager of its own, so that nothing is left behind."""
        if origin.plugin in self._origins:
            other = self._origins[origin.plugin]
            return (
                f"plugin {origin.plugin!r} of {origin.distribution} bears the name of a plugin of {other.distribution} "
                "(expected a name of its own); rename its entry point or uninstall one of the two"
            )
        scratch = _manager()
        try:
            scratch.register(plugin, name=origin.plugin)
            scratch.check_pending()
        except (pluggy.PluginValidationError, ValueError) as exc:
            known = ", ".join(sorted(name for name in vars(HubSpec) if not name.startswith("_")))
            return (
                f"plugin {origin.plugin!r} of {origin.distribution}: {_one_line(exc)} (known hooks: {known}); "
                "correct the name or the arguments of its hookimpl"
            )
        for caller in scratch.get_hookcallers(plugin) or ():
            if any(impl.wrapper or impl.hookwrapper for impl in caller.get_hookimpls()):
                return (
                    f"plugin {origin.plugin!r} of {origin.distribution}: {caller.name} is a hook wrapper (expected a plain "
                    "hookimpl, as each implementation is called by itself); remove wrapper=True"
                )
        return None

    def _take(self, origin: Origin) -> None:
        for cls in self._brought("register_channels", origin):
            if self._sound(
                "channel", cls, getattr(cls, "name", None), checks.channel_faults(cls), self.channels, origin
            ):
                self.channels[cls.name] = ChannelEntry(
                    cls, origin.plugin, origin.distribution, origin.version
                )
        for cls in self._brought("register_rules", origin):
            if self._sound(
                "rule", cls, getattr(cls, "rule_id", None), checks.rule_faults(cls), self.rules, origin
            ):
                self.rules[cls.rule_id] = RuleEntry(cls, origin.plugin, origin.distribution, origin.version)
        for cls in self._brought("register_notifiers", origin):
            if self._sound(
                "notifier",
                cls,
                getattr(cls, "kind", None),
                checks.notifier_faults(cls),
                self.notifiers,
                origin,
            ):
                self.notifiers[cls.kind] = NotifierEntry(
                    cls, origin.plugin, origin.distribution, origin.version
                )
        for cls in self._brought("register_classifiers", origin):
            faults = checks.classifier_faults(cls)
            if self._sound("classifier", cls, getattr(cls, "name", None), faults, self.classifiers, origin):
                self.classifiers[cls.name] = ClassifierEntry(
                    cls, origin.plugin, origin.distribution, origin.version
                )
        for redact in self._brought("register_redactors", origin):
            if self._sound("redactor", redact, None, checks.redactor_faults(redact), {}, origin):
                guarded = self._fail_closed(redact, origin.plugin)
                self.redactors.append(
                    RedactorEntry(guarded, origin.plugin, origin.distribution, origin.version)
                )

    def _fail_closed(self, redact: Callable[[str], str], plugin: str) -> Callable[[str], str]:
        """A redactor that fails hides the whole text: it stops no record, and it lets nothing through unmasked."""

        def masked(text: str) -> str:
            try:
                shown: object = redact(text)
            except Exception as exc:  # noqa: BLE001 - the plugin boundary
                told = f"plugin {plugin!r}: redactor: {type(exc).__name__} at {place_of(exc)} (expected a text); mend it"
            else:
                if isinstance(shown, str):
                    return shown
                told = f"plugin {plugin!r}: redactor gave a {type(shown).__name__} (expected a text); mend it"
            self._failed(plugin, "redact", Code.PLUGIN_FAILED, told)
            return HIDDEN_TEXT

        return masked

    def _brought(self, hook: str, origin: Origin) -> Sequence[Any]:
        """What one plugin's ``register_*`` gives; nothing, noted, where it fails or gives no sequence."""
        for _, result in self._calls(hook, {}, only=origin.plugin):
            if isinstance(result, PluginFailure):
                return ()
            if isinstance(result, (list, tuple)):
                return result
            if result is not None:
                self._refuse(
                    origin,
                    Code.PLUGIN_BROKEN,
                    f"plugin {origin.plugin!r}: {hook} gave a {type(result).__name__} (expected a list or tuple of classes); "
                    "mend its return value",
                    part=hook,
                )
        return ()

    def _sound(
        self,
        what: str,
        given: Any,
        name: str | None,
        faults: Sequence[str],
        taken: dict[str, Any],
        origin: Origin,
    ) -> bool:
        label = f"{what} {getattr(given, '__name__', type(given).__name__)}"
        if faults:
            self._refuse(
                origin,
                Code.PLUGIN_BROKEN,
                f"{label} of plugin {origin.plugin!r} ({origin.distribution} {origin.version}): {'; '.join(faults)}; "
                "see hub.sdk for what the class must declare",
                part=label,
            )
            return False
        if name is not None and name in taken:
            other = taken[name]
            if other.plugin == origin.plugin and other.cls is given:
                return False  # named twice in one list: the same thing
            self._refuse(
                origin,
                Code.PLUGIN_BROKEN,
                f"{label} of plugin {origin.plugin!r}: the name {name!r} is taken by plugin {other.plugin!r} of "
                f"{other.distribution} (expected a name of its own); rename it or uninstall one of the two",
                part=label,
            )
            return False
        return True

    def _refuse(self, origin: Origin, code: Code, message: str, *, part: str | None = None) -> None:
        name = origin.plugin if part is None else f"{origin.plugin}:{part}"
        self.refuse(BrokenPlugin(name, origin.distribution, origin.version, code, message))

    def channel(self, name: str) -> ChannelEntry:
        """The channel of that name.

        Raises:
            ConfigError: No loaded plugin brings it; the message names the broken plugins, for it may be one of them.
        """
        if name in self.channels:
            return self.channels[name]
        known = ", ".join(sorted(self.channels)) or "none"
        hint = "".join(f"; plugin {broken.name!r} is broken: {broken.message}" for broken in self.broken)
        raise ConfigError(
            f"channel {name!r} is configured, but no plugin brings it (known: {known}); install its distribution "
            f"or mend the name in hub.yaml{hint}",
            code=Code.CONFIG_INVALID,
        )

    def list(self) -> tuple[PluginInfo, ...]:
        """Every plugin that is installed, sorted by name: loaded, partly used, broken or disabled."""
        infos = [self._info(origin) for origin in self._origins.values()]
        for broken in self._broken:
            if ":" not in broken.name and not self._is_loaded(broken):
                infos.append(
                    PluginInfo(
                        broken.name, broken.distribution, broken.version, "broken", problems=(broken.message,)
                    )
                )
        infos += [PluginInfo(o.plugin, o.distribution, o.version, "disabled") for o in self._disabled]
        return tuple(sorted(infos, key=lambda info: (info.name, info.distribution)))

    def _is_loaded(self, broken: BrokenPlugin) -> bool:
        origin = self._origins.get(broken.name)
        return origin is not None and origin.distribution == broken.distribution

    def _info(self, origin: Origin) -> PluginInfo:
        problems = tuple(b.message for b in self.broken if b.name.partition(":")[0] == origin.plugin)
        return PluginInfo(
            origin.plugin,
            origin.distribution,
            origin.version,
            "partly" if problems else "loaded",
            self._hooks[origin.plugin],
            tuple(name for name, entry in self.channels.items() if entry.plugin == origin.plugin),
            tuple(name for name, entry in self.rules.items() if entry.plugin == origin.plugin),
            tuple(name for name, entry in self.notifiers.items() if entry.plugin == origin.plugin),
            tuple(name for name, entry in self.classifiers.items() if entry.plugin == origin.plugin),
            problems,
        )

    def call_each(
        self, hook_name: str, *, timeout_s: float | None = None, **kwargs: Any
    ) -> Sequence[tuple[str, Any | PluginFailure]]:
        """Every implementation's (plugin name, result or failure): one that raises or hangs silences no other.

        In the order of the plugins' names, the hub's own last, ``tryfirst`` and ``trylast`` honoured. A plugin whose
        earlier call still hangs is not called again until that has ended.

        Raises:
            ValueError: The hub has no hook of that name, or an argument that it wants is not given.
        """
        return [*self._calls(hook_name, kwargs, timeout_s=timeout_s)]

    def call_first(self, hook_name: str, *, timeout_s: float | None = None, **kwargs: Any) -> Any | None:
        """The first answer that is not None, in the order of `call_each`; failures are counted and passed over.

        Raises:
            ValueError: As `call_each`.
        """
        for _, result in self._calls(hook_name, kwargs, timeout_s=timeout_s):
            if result is not None and not isinstance(result, PluginFailure):
                return result
        return None

    def _calls(
        self,
        hook_name: str,
        kwargs: dict[str, Any],
        *,
        timeout_s: float | None = None,
        only: str | None = None,
    ) -> Iterator[tuple[str, Any]]:
        caller = getattr(self._manager.hook, hook_name, None)
        if caller is None or caller.spec is None:
            raise ValueError(f"the hub has no hook {hook_name!r}: see hub.sdk.hookspecs")
        if missing := set(caller.spec.argnames) - set(kwargs):
            raise ValueError(f"hook {hook_name} wants {', '.join(sorted(missing))} too: give it by keyword")
        limit = self._call_timeout_s if timeout_s is None else timeout_s
        for impl in sorted(caller.get_hookimpls(), key=self._turn):
            if only is None or impl.plugin_name == only:
                given = {name: kwargs[name] for name in impl.argnames}
                yield impl.plugin_name, self._call(impl.plugin_name, hook_name, impl.function, given, limit)

    def _turn(self, impl: pluggy.HookImpl) -> tuple[int, bool, str]:
        wish = 0 if impl.tryfirst else 2 if impl.trylast else 1
        return wish, self._origins[impl.plugin_name].builtin, impl.plugin_name

    def _call(
        self, plugin: str, hook: str, function: Callable[..., Any], kwargs: dict[str, Any], timeout_s: float
    ) -> Any | PluginFailure:
        what = f"plugin {plugin!r}: {hook}"
        before = self._hanging.get(plugin)
        if before is not None and before.alive:
            text = (
                f"{what} was not called, for an earlier call of this plugin still hangs (expected each to end within "
                f"{timeout_s:g} s); mend the plugin and restart the hub"
            )
            return self._failed(plugin, hook, Code.PLUGIN_TIMEOUT, text)
        call = BoundedCall(lambda: function(**kwargs), what)
        try:
            return call.wait(timeout_s)
        except Expired:
            self._hanging[plugin] = call
            return self._failed(plugin, hook, Code.PLUGIN_TIMEOUT, timed_out(what, timeout_s).message)
        except HubError as exc:
            return self._failed(plugin, hook, exc.code, f"{what}: {exc.message}")
        except KeyboardInterrupt:
            raise
        except BaseException as exc:  # noqa: BLE001 - the plugin boundary
            # A register_* is given nothing, so that its exception's text can hold nobody's words.
            told = f" ({_one_line(exc)})" if hook.startswith("register_") else ""
            where = f"{type(exc).__name__}{told} at {place_of(exc)}"
            text = f"{what}: {where} (expected a result); mend the plugin there"
            return self._failed(plugin, hook, Code.PLUGIN_FAILED, text)

    def _failed(self, plugin: str, hook: str, code: Code, message: str) -> PluginFailure:
        failure = PluginFailure(plugin, hook, code, message)
        self.failures[plugin, hook, code.value] += 1
        if hook == "configure" or hook.startswith("register_"):
            part = None if hook == "configure" else hook
            self._refuse(self._origins[plugin], code, message, part=part)
        if self._on_failure is not None:
            self._on_failure(failure)
        return failure


def _manager() -> pluggy.PluginManager:
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(HubSpec)
    return manager


def _one_line(exc: BaseException) -> str:
    return " ".join(str(exc).split())[:300]
