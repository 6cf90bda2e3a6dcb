"""The error families of the hub and the closed list of their codes.

The type says what the caller can do; the text says what to do next; the code is a slug from `Code` and
doubles as a metric label, so that a counter never grows a label per message.
"""

from __future__ import annotations

from enum import StrEnum


class Code(StrEnum):
    """Every code that an error, a quarantined record or a settled attempt may carry."""

    # configuration: an operator must act
    CONFIG_MISSING = "config_missing"
    CONFIG_INVALID = "config_invalid"
    SECRET_MISSING = "secret_missing"
    KEYS_INVALID = "keys_invalid"
    KEY_UNKNOWN = "key_unknown"
    HOST_KEY = "host_key"
    PLUGIN_BROKEN = "plugin_broken"
    PLUGIN_INCOMPATIBLE = "plugin_incompatible"
    PLUGIN_TIMEOUT = "plugin_timeout"
    PLUGIN_FAILED = "plugin_failed"
    CALENDAR_GAP = "calendar_gap"
    # the store
    STORE_UNAVAILABLE = "store_unavailable"
    STORE_FULL = "store_full"
    STORE_SCHEMA = "store_schema"
    STORE_PASSWORD = "store_password"
    VALUE_UNSTORABLE = "value_unstorable"
    STREAM_BUSY = "stream_busy"
    RUN_SUPERSEDED = "run_superseded"
    SEAL_BROKEN = "seal_broken"
    NOT_FOUND = "not_found"
    STATE_CONFLICT = "state_conflict"
    # the source is away or refuses: try again
    SOURCE_UNREACHABLE = "source_unreachable"
    SOURCE_TIMEOUT = "source_timeout"
    SOURCE_STATUS = "source_status"
    SOURCE_RATE_LIMITED = "source_rate_limited"
    SOURCE_AUTH = "source_auth"
    SOURCE_CIRCUIT_OPEN = "source_circuit_open"
    SOURCE_ENVELOPE = "source_envelope"
    SOURCE_CUT_SHORT = "source_cut_short"
    # the source changed: keep the page, tell the integrator
    PAGE_REPEATED = "page_repeated"
    PAGE_NOT_JSON = "page_not_json"
    PAGE_NOT_XML = "page_not_xml"
    XML_DOCTYPE = "xml_doctype"
    PAGE_CHECK = "page_check"
    PAGE_HTML = "page_html"
    PAGE_ENCODING = "page_encoding"
    PAGE_SHAPE = "page_shape"
    PAGE_TOO_LARGE = "page_too_large"
    PAGE_COUNT = "page_count"
    VIEW_COLUMNS = "view_columns"
    VIEW_WRITES = "view_writes"
    POSITION_INVALID = "position_invalid"
    UIDVALIDITY_CHANGED = "uidvalidity_changed"
    MAIL_UNREADABLE = "mail_unreadable"
    FILE_UNREADABLE = "file_unreadable"
    FILE_TOO_LARGE = "file_too_large"
    FILE_CUT_SHORT = "file_cut_short"
    FILE_REFUSED = "file_refused"
    FILE_WAITING = "file_waiting"
    SHEET_HEADER = "sheet_header"
    # a push: the one who sent it must send it otherwise, or not at all
    PUSH_KEY_REUSED = "push_key_reused"
    PUSH_MEDIA_TYPE = "push_media_type"
    PUSH_TIMEOUT = "push_timeout"
    # one record: set it aside, go on
    KEY_MISSING = "key_missing"
    KEY_INVALID = "key_invalid"
    POSITION_UNREADABLE = "position_unreadable"
    POSITION_IN_FUTURE = "position_in_future"
    FIELD_MISSING = "field_missing"
    FIELD_INVALID = "field_invalid"
    VALUE_UNMAPPED = "value_unmapped"
    RECORD_UNREADABLE = "record_unreadable"
    RECORD_TOO_LARGE = "record_too_large"
    RECORD_EMPTY = "record_empty"
    MAIL_AUTOMATIC = "mail_automatic"
    NORMALIZE_FAILED = "normalize_failed"
    # delivery
    DELIVERY_TIMEOUT = "delivery_timeout"
    DELIVERY_UNREACHABLE = "delivery_unreachable"
    DELIVERY_STATUS = "delivery_status"
    DELIVERY_GONE = "delivery_gone"
    DELIVERY_REFUSED = "delivery_refused"
    DELIVERY_REDIRECT = "delivery_redirect"
    DELIVERY_ADDRESS = "delivery_address"
    DELIVERY_EXHAUSTED = "delivery_exhausted"
    ENDPOINT_MISSING = "endpoint_missing"
    SIGNATURE_INVALID = "signature_invalid"
    # replies to a demand's own platform
    REPLY_REFUSED = "reply_refused"
    REPLY_NOT_OFFERED = "reply_not_offered"
    UNEXPECTED = "unexpected"


class HubError(Exception):
    """Base of every error that the hub raises on purpose.

    Attributes:
        message: Four parts: what failed, where, found against expected, what to do. Never personal data.
        code: One of `Code`.
    """

    def __init__(self, message: str, *, code: Code | str) -> None:
        super().__init__(message)
        self.message = message
        self.code = Code(code)

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions with keyword-only arguments do not survive pickling by themselves (process pools need it).
        return (_rebuild, (type(self), self.message, self.code.value))


def _rebuild(family: type[HubError], message: str, code: str) -> HubError:
    return family(message, code=code)


class ConfigError(HubError):
    """An operator must change something before another try can succeed."""


class PluginError(ConfigError):
    """A plugin could not be loaded, is too old or too new, hung, or raised where it must not."""


class StoreError(HubError):
    """The database refused or lost what was asked of it."""


class StoreUnavailable(StoreError):
    """The database cannot be reached or answers no query now: try again later."""


class StateConflict(StoreError):
    """The row is no longer in the state that the caller saw: read it again."""


class NotFound(HubError):
    """No row answers to the name that the caller gave."""


class SourceUnavailable(HubError):
    """The source is away, refuses or is overloaded: the same call may succeed later.

    Attributes:
        retry_after_s: Seconds that the source asked to be left alone, or None.
    """

    def __init__(self, message: str, *, code: Code | str, retry_after_s: float | None = None) -> None:
        super().__init__(message, code=code)
        self.retry_after_s = retry_after_s


class SourceContractError(HubError):
    """The source answered something that its contract does not allow: keep the page, tell the integrator.

    Attributes:
        body: The bytes that could not be read, to be kept in quarantine; None where there are none.
    """

    def __init__(self, message: str, *, code: Code | str, body: bytes | None = None) -> None:
        super().__init__(message, code=code)
        self.body = body


class RecordRejected(HubError):
    """One record cannot be used: set it aside with its bytes and go on.

    Attributes:
        field: Name of the field that was found wrong, or None.
    """

    def __init__(self, message: str, *, code: Code | str, field: str | None = None) -> None:
        super().__init__(message, code=code)
        self.field = field


class DeliveryDeferred(HubError):
    """A delivery did not arrive and will be tried again.

    Attributes:
        retry_after_s: Seconds that the receiver asked to be left alone, or None.
        status: HTTP status that it answered, or None.
    """

    def __init__(
        self, message: str, *, code: Code | str, retry_after_s: float | None = None, status: int | None = None
    ) -> None:
        super().__init__(message, code=code)
        self.retry_after_s = retry_after_s
        self.status = status


class DeliveryRefused(HubError):
    """A delivery was refused for good: a person must look at it.

    Attributes:
        status: HTTP status that the receiver answered, or None.
    """

    def __init__(self, message: str, *, code: Code | str, status: int | None = None) -> None:
        super().__init__(message, code=code)
        self.status = status
