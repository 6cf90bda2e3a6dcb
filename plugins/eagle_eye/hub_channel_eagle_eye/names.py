"""This channel's names of all fields, in JSON and in XML; a county's own names of them are given in the settings."""

from __future__ import annotations

_PERSON = ("Type", "Name", "PaperType", "PaperCode", "Mobile", "Phone", "Account", "Address")
_CASE = (
    "internalNo queryCode itemId transactAffairName itemType caseKind applyWay areaCode orgId orgName windowNo post staffNo applyDate preAcceptDate "
    "acceptDate acceptDocNo promise promiseType anticipateDay anticipateType promiseStartDate deadline status processes suspensions corrections "
    "receivable paid deliverDate resultStatus resultDocNo note finishTime updateDate op"
)
_PARTS = (
    "id nodeId tacheName deptName userName beginDate processDate endDate procedure basis approver askDate bringDate allAtOnce wanted processID "
    "noticeDate payDate success"
)
_RATING = "evaluateId serviceNumber vendor deviceNo customFields level pf proStatus evaluateTime isRealName tags content appendOf updateTime"
_EVENT = (
    "eventID transactionID businessID warnType warnLevel warnReason warnInfo module ruleCode org occurTime replyTime repliedTime replyUser replyInfo "
    "revokeTime revokePerson revokeReason score cameraNo zone snapshot confirmed rectifyStatus rectifyDeadline rectifyTime rectifyInfo recheckTime "
    "recheckInfo"
)
FIELDS = frozenset(
    (
        *" ".join((_CASE, _PARTS, _RATING, _EVENT)).split(),
        *(f"{prefix}{field}" for prefix in ("applicant", "evaluator") for field in _PERSON),
    )
)
