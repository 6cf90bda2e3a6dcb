"""Every case of the contract with what it costs whoever does not notice it."""

from __future__ import annotations

from collections.abc import Mapping

from hub.testing.hostile import Misbehaviour as M

WHY: Mapping[M, str] = {
    M.NONE: "The yardstick: whoever fails here has been set up wrongly.",
    M.ERROR_ENVELOPE: "Gateways answer 200 whatever happens; read as a page without records, the error is the end of the list.",
    M.ERROR_ENVELOPE_ONCE: "The same, gone a second later: to be asked again.",
    M.SAME_PAGE_FOREVER: "A gateway that drops the page's number would be read for ever, or taken for complete.",
    M.LAST_PAGE_AGAIN: "A server that caps the page's number: the repeat means the end, not trouble.",
    M.PAGE_CUT_SHORT: "Half a body is no page.",
    M.PAGE_CUT_SHORT_ONCE: "A broken connection is to be tried again.",
    M.PAGE_SHORT: "Records that a filter took out after paging: who stops at the first page that is not full loses what follows.",
    M.RECORDS_MISSING: "The declared total is the one witness that records are withheld.",
    M.RECORD_VANISHES: "What follows moves up by one place: a record slips over the border of two pages.",
    M.RECORDS_ARRIVE: "What follows moves down by three places: records are seen twice, and some that arrived are not seen yet.",
    M.TOTAL_TOO_SMALL: "Who reads as many pages as the total promises stops too early.",
    M.TOTAL_TOO_LARGE: "Who believes it waits for records that there are not, or must say that they are missing.",
    M.TOTAL_ABSENT: "The list ends where its pages do.",
    M.TOTAL_WITHOUT_RECORDS: "An index without its table: success with nothing would be the worst answer.",
    M.NULL_LIST: "As above, in the form in which many servers say that something failed.",
    M.POSITION_NOT_A_DATE: "Kept as the position, such a word asks from then on for what is newer than it: nothing.",
    M.POSITION_IN_FUTURE: "Kept as the position, it hides everything for forty years.",
    M.EQUAL_TIMES_AT_BORDER: "Who goes on behind the last second that was seen loses the rest of that second.",
    M.NEWEST_FIRST: "The position may move only when the whole window was read.",
    M.CLOCK_SKEW: "Records from the future of a minute and a half are neither lost nor a reason to skip.",
    M.DUPLICATES_IN_PAGE: "One record must not become two.",
    M.UNAUTHORIZED_MID_RUN: "A token that ran out is renewed, or it is said; what was read by then is no whole list.",
    M.UNAUTHORIZED: "A refusal must be told as one.",
    M.TOO_MANY_REQUESTS: "The wait that the server asks for is to be kept (seven seconds here).",
    M.SERVER_ERROR_ONCE: "A gateway that restarts is to be asked again.",
    M.SLOW_DRIP: "Twenty bytes a second, two minutes a page, without a pause that a read timeout would see: only a term for the whole answer ends it.",
    M.BROKEN_GZIP: "A body that cannot be unpacked is no page.",
    M.BROKEN_GZIP_ONCE: "The same, once: to be tried again, or to be told.",
    M.LOGIN_REDIRECT: "The session has ended; a page for people comes instead of records.",
    M.LOGIN_PAGE: "The same without a redirect, with status 200.",
    M.NOT_JSON: "Words for people where records were due.",
    M.GBK_WRONG_LABEL: "Decoded as labelled, every Chinese character is replaced or lost, for good.",
    M.BYTE_ORDER_MARK: "Three bytes before the page that are no part of it.",
    M.NUMBERS_FOR_IDS: "Eighteen digits do not survive floating point; who joins by number needs each of them.",
    M.EMPTY_AND_NULL_WORDS: "Somebody without a telephone is not the person whose number is the word null.",
    M.HTML_IN_TEXT: "The words must be there; markup may have been kept or taken off.",
    M.MEGABYTE_CONTENT: "One long text is kept whole, or it is said; the others go on.",
    M.MASKED_PHONES: "A masked number is kept as it came.",
    M.NEW_FIELD: "A field that nobody knows is no reason to stop.",
    M.MISSING_KEY: "A record without a number cannot be told from others; the rest can.",
    M.RETYPED_FIELD: "One record's text is suddenly a list: it may be set aside, and must not take the others with it.",
}


def sentence(case: M) -> str:
    """What the source does, as the contract words it, with a capital and a full stop."""
    return f"{case.value[0].upper()}{case.value[1:]}."
