"""Cases, ratings and monitor events as an eagle-eye lists them in JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.county.render.forms import local
from hub.county.world.subjects import DEPARTMENTS
from hub.county.world.voices import CaseNews, MonitorNews, RatingNews, later

_CASE_FLAWS: Mapping[str, Mapping[str, Any]] = {
    "state": {"status": "88"},
    "term": {"promiseType": ""},
    "fee": {"receivable": "免收"},
}
_RATING_FLAWS: Mapping[str, Mapping[str, Any]] = {
    "code": {"level": "4", "pf": "4"},
    "time": {"evaluateTime": ""},
}
_EVENT_FLAWS: Mapping[str, Mapping[str, Any]] = {"level": {"warnLevel": "紫"}, "time": {"occurTime": ""}}
CASE_FLAWS, RATING_FLAWS, EVENT_FLAWS = tuple(_CASE_FLAWS), tuple(_RATING_FLAWS), tuple(_EVENT_FLAWS)
# The hall's keypads send 3 for the best, then 2, 1, 0, and 5 for the worst (`keypad_3_best`).
KEYPAD = {5: "3", 4: "2", 3: "1", 2: "0", 1: "5"}
DEVICES: tuple[Mapping[str, str], ...] = (
    {"vendor": "ZK", "scale": "keypad_3_best"},
    {"way": "3", "scale": "national"},
    {"way": "7", "scale": "national"},
)
_WAYS = {"keypad": "4", "qr": "3", "sms": "7"}


def case(news: CaseNews) -> dict[str, Any]:
    """The case with all its steps, as the list has it."""
    enterprise, item = news.enterprise, news.item
    found: dict[str, Any] = {
        "internalNo": news.number,
        "itemId": item.code,
        "transactAffairName": item.name,
        "itemType": item.type,
        "caseKind": "2" if item.promised_days else "1",
        "applyWay": "21" if news.window.startswith("N") else "20",
        "orgName": DEPARTMENTS[item.department].name,
        "windowNo": news.window,
        "staffNo": news.staff,
        "applicantType": "2" if enterprise is not None else "1",
        "applicantName": enterprise.name if enterprise is not None else news.applicant.name,
        "applicantPaperType": "821" if enterprise is not None else "111",
        "applicantPaperCode": enterprise.uscc if enterprise is not None else news.applicant.id_no,
        "applicantMobile": news.applicant.phone,
        "applyDate": local(news.applied_at),
        "promise": item.promised_days,
        "promiseType": "1",
        "anticipateDay": item.promised_days * 2,
        "anticipateType": "1",
        "receivable": str(item.fee),
        "status": "8" if news.finished_at is not None else "5" if news.accepted_at is not None else "2",
        "processes": [
            {
                "nodeId": step.node,
                "tacheName": step.name,
                "userName": news.staff,
                "beginDate": local(step.began_at),
                "processDate": local(step.ended_at) if step.ended_at is not None else "",
            }
            for step in news.steps
        ],
        "suspensions": [
            {
                "procedure": "专家评审",
                "beginDate": local(began),
                "endDate": local(ended) if ended is not None else "",
                "note": "依法需要专家评审",
            }
            for began, ended in news.suspended
        ],
        "corrections": [
            {
                "askDate": local(asked),
                "bringDate": local(brought) if brought is not None else "",
                "allAtOnce": "1",
                "wanted": "补齐申请材料",
            }
            for asked, brought in news.corrections
        ],
        "updateDate": local(news.changed_at),
    }
    if news.accepted_at is not None:
        found |= {"acceptDate": local(news.accepted_at), "acceptDocNo": f"SL{news.number}"}
    if news.finished_at is not None:
        found |= {
            "finishTime": local(news.finished_at),
            "resultStatus": "2" if news.granted else "3",
            "note": "" if news.granted else "不符合法定条件，已书面说明理由",
            "paid": str(item.fee),
        }
    return found | dict(_CASE_FLAWS[news.flaw] if news.flaw is not None else {})


def rating(news: RatingNews) -> dict[str, Any]:
    """The rating, its level in the code of the device that sent it."""
    by_keypad = news.way == "keypad"
    found: dict[str, Any] = {
        "evaluateId": news.number,
        "itemId": news.item.code,
        "transactAffairName": news.item.name,
        "level": KEYPAD[news.level] if by_keypad else str(news.level),
        "pf": _WAYS[news.way],
        "proStatus": "3",
        "orgName": DEPARTMENTS[news.item.department].name,
        "windowNo": news.window,
        "staffNo": news.staff,
        "content": news.text,
        "evaluateTime": local(news.changed_at),
        "updateTime": local(later(news.changed_at, seconds=5)),
    }
    if by_keypad:
        found |= {"vendor": "ZK", "customFields": f"PJQ-{news.window},{news.number[-6:]},411521"}
    if news.case_no is not None:
        found["internalNo"] = news.case_no
    if news.rater is not None:
        found |= {
            "evaluatorType": "1",
            "evaluatorName": news.rater.name,
            "evaluatorMobile": news.rater.phone,
            "isRealName": "1",
        }
    if news.flaw is not None:
        found |= {**_RATING_FLAWS[news.flaw], "vendor": "ZK"}
    return found


def event(news: MonitorNews) -> dict[str, Any]:
    """The monitor event."""
    found: dict[str, Any] = {
        "eventID": news.number,
        "module": "2",
        "warnType": str(news.anomaly),
        "warnLevel": str(news.level),
        "ruleCode": news.rule,
        "org": DEPARTMENTS[news.department].name,
        "windowNo": news.window,
        "warnReason": news.reason,
        "occurTime": local(news.at),
        "replyTime": local(later(news.at, hours=1 if news.camera else 24)),
        "updateTime": local(news.changed_at),
    }
    if news.case_no is not None:
        found |= {"businessID": news.case_no, "processID": "1"}
    if news.camera is not None:
        found |= {
            "cameraNo": news.camera,
            "zone": "一楼大厅",
            "snapshot": f"/snap/{news.number}.jpg",
            "confirmed": "1" if news.confirmed else "0",
        }
        if news.confirmed:
            found |= {"rectifyStatus": "0", "rectifyDeadline": local(later(news.at, hours=24))}
    return found | dict(_EVENT_FLAWS[news.flaw] if news.flaw is not None else {})
