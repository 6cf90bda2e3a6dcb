"""The boundary at which the hub calls foreign code: every call ends in time, and every failure is one of ours.

A call runs in a daemon thread of its own, so that one that hangs neither stops its caller nor keeps the process
from ending. A call cut off by its limit is told to stop at its next step of Python (a busy loop ends, a call that
waits inside the operating system stays behind as a sleeping daemon).
"""

from __future__ import annotations

import ctypes
import sysconfig
import threading
from collections.abc import Callable, Collection, Generator, Sequence
from pathlib import PurePath
from traceback import walk_tb
from types import FrameType
from typing import Any, Generic, TypeVar, cast

from hub.errors import Code, HubError, PluginError, RecordRejected, SourceUnavailable
from hub.model.demand import Demand
from hub.model.observation import Observation
from hub.sdk.channel import Channel, Page, PushRequest, RawRecord, Stream, Window

ResultT = TypeVar("ResultT")

DEFAULT_CALL_TIMEOUT_S = 10.0


class CutOff(BaseException):
    """Raised inside a call that passed its time limit; foreign ``except Exception`` does not catch it."""


class Expired(Exception):
    """A call was still at work when its time limit passed."""


class BoundedCall(Generic[ResultT]):
    """One call in a daemon thread, awaited for a limited time.

    Attributes:
        alive: Whether the call is still at work, cut off or not.
    """

    def __init__(self, call: Callable[[], ResultT], name: str) -> None:
        self._call = call
        self._ended = threading.Event()
        self._result: ResultT | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=f"hub-plugin-{name}"[:60], daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            try:
                self._result = self._call()
            except KeyboardInterrupt:
                # Nobody pressed a key here: one that a plugin raises must not stop the hub.
                self._error = RuntimeError("the call raised KeyboardInterrupt")
            except BaseException as exc:  # noqa: BLE001 - the boundary: whatever it is, the caller judges it
                self._error = exc
            finally:
                self._ended.set()
        except CutOff:  # told to stop at the very moment at which it ended
            self._ended.set()

    @property
    def alive(self) -> bool:
        return not self._ended.is_set()

    def ended_within(self, timeout_s: float) -> bool:
        """Whether the call ended before ``timeout_s`` seconds passed; waits no longer than needed."""
        return self._ended.wait(timeout_s)

    def wait(self, timeout_s: float) -> ResultT:
        """What the call gave.

        Raises:
            Expired: It was still at work after ``timeout_s`` seconds; it was told to stop.
            BaseException: Whatever the call raised, SystemExit included.
        """
        if not self.ended_within(timeout_s):
            self.cut_off()
            raise Expired
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[return-value] # set by _run where there is no error

    def cut_off(self) -> None:
        """Tells the call to stop at its next step of Python; it may never get there."""
        ident = self._thread.ident
        if ident is not None and self.alive:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object(CutOff))


def bounded(call: Callable[[], ResultT], *, timeout_s: float, name: str) -> ResultT:
    """What ``call`` gives, within ``timeout_s`` seconds.

    Raises:
        Expired: The limit passed.
        BaseException: Whatever the call raised.
    """
    return BoundedCall(call, name).wait(timeout_s)


def guard(call: Callable[[], ResultT], *, timeout_s: float, what: str) -> ResultT:
    """What ``call`` gives, or one of the hub's own errors: for every call into a channel or notifier.

    Args:
        call: No arguments; close over them.
        timeout_s: Seconds after which the call is abandoned.
        what: Place for the message, such as ``channel portal (instance county): check``; no personal data.

    Raises:
        HubError: Raised by the call itself; passed on as it is.
        SourceUnavailable: An operating system or network error escaped the call (code ``source_unreachable`` or
            ``source_timeout``).
        PluginError: It hung (code ``plugin_timeout``) or raised anything else (code ``plugin_failed``). The message
            names the exception's type and place, never its text: that may hold a citizen's words.
    """
    try:
        return bounded(call, timeout_s=timeout_s, name=what)
    except HubError:
        raise
    except Expired:
        raise timed_out(what, timeout_s) from None
    except KeyboardInterrupt:
        raise
    except BaseException as exc:  # noqa: BLE001 - the plugin boundary
        raise converted(exc, what) from None  # the cause's text may hold a record's values


def timed_out(what: str, timeout_s: float) -> PluginError:
    """The error for a call that was cut off."""
    return PluginError(
        f"{what}: no answer within {timeout_s:g} s (expected to end by itself); the call was abandoned: "
        "give its source a shorter timeout, or mend the plugin",
        code=Code.PLUGIN_TIMEOUT,
    )


def converted(exc: BaseException, what: str) -> HubError:
    """The hub's error for a foreign exception; its text is left out, for it may hold a record's values."""
    where = f"{what}: {type(exc).__name__} at {place_of(exc)}"
    if isinstance(exc, OSError):
        code = Code.SOURCE_TIMEOUT if isinstance(exc, TimeoutError) else Code.SOURCE_UNREACHABLE
        return SourceUnavailable(
            f"{where} (expected an answer of the source); it is tried again: look at the source and the network",
            code=code,
        )
    return PluginError(
        f"{where} (expected a result or one of the hub's errors); mend the plugin at that place",
        code=Code.PLUGIN_FAILED,
    )


def place_of(exc: BaseException) -> str:
    """``folder/file.py:line in function`` of the innermost frame that is the hub's or a plugin's, or ``an unknown place``.

    Where a library raised on their behalf, its place stands behind: nobody mends that one.
    """
    frames = list(walk_tb(exc.__traceback__))
    if not frames:
        return "an unknown place"
    own = _own_packages()
    nearest = next((one for one in reversed(frames) if _is_own(one[0], own)), frames[-1])
    within = f", within {_place(*frames[-1])}" if nearest is not frames[-1] else ""
    return f"{_place(*nearest)} in {nearest[0].f_code.co_name}{within}"


def _place(frame: FrameType, line: int) -> str:
    return f"{'/'.join(PurePath(frame.f_code.co_filename).parts[-2:])}:{line}"


def _own_packages() -> frozenset[str]:
    """Top packages of the hub and of every plugin, as they are installed."""
    from importlib.metadata import entry_points

    return frozenset({"hub", *(one.module.partition(".")[0] for one in entry_points(group="hub.plugins"))})


def _is_own(frame: FrameType, own: Collection[str]) -> bool:
    top = str(frame.f_globals.get("__name__", "")).partition(".")[0]
    if top in own:
        return True
    # What is installed beside the hub or came with Python is a library; everything else somebody here has written.
    file = frame.f_code.co_filename
    libraries = (sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
    return not file.startswith(("<", *libraries))


def guarded_pages(
    channel: Channel[Any], stream: Stream, window: Window, *, timeout_s: float
) -> Generator[Page, None, None]:
    """`Channel.pages` behind `guard`: each page within ``timeout_s`` seconds, each failure one of the hub's own.

    A channel that gives something other than a `Page` of `RawRecord` is a plugin error too. Closing this iterator closes the
    channel's.

    Raises:
        SourceUnavailable, SourceContractError, PluginError: As `guard`.
    """
    what = f"channel {channel.name} (instance {channel.ctx.instance}): pages of {stream.name}"
    source = guard(lambda: iter(channel.pages(stream, window)), timeout_s=timeout_s, what=what)
    hung = False
    try:
        while True:
            try:
                page = guard(lambda: next(source, None), timeout_s=timeout_s, what=what)
            except PluginError as exc:
                hung = exc.code is Code.PLUGIN_TIMEOUT
                raise
            except KeyboardInterrupt:
                hung = True  # the call is still at work in its thread
                raise
            if page is None:
                return
            _check_page(page, what)
            yield page
    finally:
        close = getattr(source, "close", None)
        if close is not None and not hung:  # closing a generator that still runs would raise
            guard(close, timeout_s=timeout_s, what=what)


def _check_page(page: object, what: str) -> None:
    if not isinstance(page, Page):
        raise PluginError(
            f"{what}: gave a {type(page).__name__} (expected a hub.sdk.Page); mend the channel's pages()",
            code=Code.PLUGIN_FAILED,
        )
    _check_records(page.records, f"{what}: page {page.number}", "pages")


def _check_records(records: Sequence[object], where: str, method: str) -> None:
    for index, record in enumerate(records):
        if not isinstance(record, RawRecord) or (record.source_no is None and record.problem is None):
            raise PluginError(
                f"{where}, record {index} is a {type(record).__name__} without a source_no "
                f"(expected a hub.sdk.RawRecord with source_no or problem); mend the channel's {method}()",
                code=Code.PLUGIN_FAILED,
            )


def guarded_receive(
    channel: Channel[Any], request: PushRequest, *, timeout_s: float
) -> tuple[RawRecord, ...]:
    """`Channel.receive` behind `guard`: the records of a push that is proven, or one of the hub's own errors.

    Raises:
        SignatureInvalid, SourceContractError, ConfigError: As the channel says.
        SourceUnavailable, PluginError: As `guard`.
    """
    what = f"channel {channel.name} (instance {channel.ctx.instance}): receive"
    records = guard(lambda: tuple(channel.receive(request)), timeout_s=timeout_s, what=what)
    _check_records(records, what, "receive")
    return records


def normalize_batch(
    channel: Channel[Any], raws: Sequence[RawRecord], *, timeout_s: float
) -> list[tuple[Demand | Observation, ...] | RecordRejected]:
    """What each record says, in the order of ``raws``, or why it cannot be used; one bad record stops no other.

    One thread serves the whole batch, so that the boundary costs next to nothing a record. A record on which the
    channel hangs is rejected (code ``plugin_timeout``) and the rest goes on in another thread. A record that gives
    nothing is rejected (``record_empty``), but for one that its source deleted.

    Args:
        timeout_s: Seconds that one record may take at most.
    """
    results: list[tuple[Demand | Observation, ...] | RecordRejected] = []
    what = f"channel {channel.name} (instance {channel.ctx.instance}): normalize"
    while len(results) < len(raws):
        batch = _Batch(channel, raws[len(results) :], what)
        call = BoundedCall(batch.run, "normalize")
        seen = 0
        while not call.ended_within(timeout_s):
            if len(batch.results) == seen:
                call.cut_off()
                break
            seen = len(batch.results)
        settled = list(batch.results)
        results.extend(settled)
        if len(settled) < len(batch.raws):
            results.append(_hung_record(what, timeout_s))
    return results


class _Batch:
    """Records that one thread normalizes one after the other; ``results`` grows while it works."""

    def __init__(self, channel: Channel[Any], raws: Sequence[RawRecord], what: str) -> None:
        self.raws = raws
        self.results: list[tuple[Demand | Observation, ...] | RecordRejected] = []
        self._channel = channel
        self._what = what

    def run(self) -> None:
        normalize, results = self._channel.normalize, self.results
        demands_alone = self._channel.says == (Demand,)
        for raw in self.raws:
            try:
                said = tuple(normalize(raw))
            except RecordRejected as exc:
                results.append(exc)
            except CutOff:
                return
            except BaseException as exc:  # noqa: BLE001 - the plugin boundary
                results.append(_failed_record(exc, self._what))
            else:
                if demands_alone and len(said) == 1 and type(said[0]) is Demand:
                    results.append(
                        cast("tuple[Demand]", said)
                    )  # nearly always; the rest is looked at closely
                else:
                    results.append(
                        said if raw.deleted and not said else _judged(said, self._channel, self._what)
                    )


def _judged(
    said: tuple[object, ...], channel: Channel[Any], what: str
) -> tuple[Demand | Observation, ...] | RecordRejected:
    if not said:
        return RecordRejected(
            f"{what}: the record gave no demand (expected one thing at least); it is set aside: mend the mapping, or let "
            "the channel leave such records out of its pages",
            code=Code.RECORD_EMPTY,
        )
    if not all(isinstance(one, channel.says) for one in said):
        kinds = ", ".join(sorted({type(one).__name__ for one in said}))
        expected = ", ".join(model.__name__ for model in channel.says)
        return RecordRejected(
            f"{what}: gave {kinds} (expected what the channel's 'says' names: {expected}); mend the channel's normalize() and replay "
            "the record",
            code=Code.NORMALIZE_FAILED,
        )
    return cast("tuple[Demand | Observation, ...]", said)


def _failed_record(exc: BaseException, what: str) -> RecordRejected:
    return RecordRejected(
        f"{what}: {type(exc).__name__} at {place_of(exc)} (expected demands or RecordRejected); "
        "mend the channel there and replay the record",
        code=Code.NORMALIZE_FAILED,
    )


def _hung_record(what: str, timeout_s: float) -> RecordRejected:
    return RecordRejected(
        f"{what}: one record took longer than {timeout_s:g} s (expected milliseconds) and was set aside; "
        "look at it with `hub quarantine show`, mend the channel and replay it",
        code=Code.PLUGIN_TIMEOUT,
    )
