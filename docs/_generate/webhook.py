"""docs/department-guide.zh-CN.md: an order as it is sent, its signature, its fields and its retries, from the code that makes them."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from pydantic import BaseModel

from docs._generate.fields import table
from hub.model.calendar import ChinaCalendar, working_days_due
from hub.model.codes import LEVEL_TITLES, Anonymity, DemandStatus, DemandType, Level, Nature, Urgency, Watch
from hub.model.demand import DemandFacts
from hub.model.warning import OrderMessage, RaisedMessage, RevokedMessage, ScoreMessage, WarningMessage
from hub.pipeline.dispatch import (
    DUE_BASIS,
    DUE_WORKING_DAYS,
    REPLY_FIELDS,
    RETURN_CODES,
    canonical_json,
    shown,
)
from hub.pipeline.retries import STANDARD_DELAYS_S, RetrySchedule
from hub.sdk.signing import sign

# For this page alone; nobody signs anything else with it.
SECRET = "whsec_" + "ZXhhbXBsZS1zZWNyZXQtb2YtdGhlLWd1aWRlLTAwMDE="
MESSAGE_ID = "msg_01KAQ4R5T6V7W8X9Y0Z1A2B3C4"
SENT_AT = datetime(2026, 11, 23, 2, 15, tzinfo=UTC)

ORDER_FIELDS = {
    "type": "事件类型，固定为 `order.created`",
    "schema_version": "消息格式的版本；同一版本内只增加字段，不改变含义",
    "order_no": "交办单编号",
    "revision": "交办单的修订号，从 1 开始；同一编号以修订号大者为准",
    "role": "`host` 主办",
    "level": "级别：1、2、3，数字越大越重",
    "level_title": "级别名称：诉求类为一般、较重、重大，办件时限和行为类为提醒、黄牌、红牌",
    "organisation": "贵单位在枢纽中的代码",
    "organisation_name": "贵单位名称",
    "warning_no": "所依据的预警编号；直接由诉求交办的为 `null`",
    "rule": "预警规则的编号和名称；人工交办的为“人工交办”",
    "why": "为什么交办，不含个人信息",
    "demands": "所涉诉求，见下表",
    "cited": "同一诉求中已由其他平台或其他交办单承办的部分，只作参考，不重复办理",
    "observed": "所涉办件、评价、巡查发现等，逐项列出；`kind` 为类别，`number` 为编号，其余为该类别的要素，不含个人信息",
    "due_at": "反馈时限，带时区",
    "due_basis": "时限的依据",
    "due_provisional": "为 `true` 时，时限跨入节假日安排尚未公布的年份，以后可能重算",
    "reply_fields": "反馈应当包含的内容，见下表",
    "return_codes": "可以退单的理由，见下表",
    "contact": "处置办理股室的联系电话",
    "created_at": "交办时间，带时区",
}
WARNING_FIELDS = {
    "type": "事件类型，固定为 `warning.issued`",
    "schema_version": ORDER_FIELDS["schema_version"],
    "warning_no": "预警编号",
    "level": ORDER_FIELDS["level"],
    "level_title": ORDER_FIELDS["level_title"],
    "organisation": ORDER_FIELDS["organisation"],
    "organisation_name": ORDER_FIELDS["organisation_name"],
    "rule": "预警规则的编号和名称",
    "why": "为什么预警，不含个人信息",
    "cited": "所涉诉求及其在原平台的工单号、时限，请按原工单办理",
    "observed": ORDER_FIELDS["observed"],
    "contact": ORDER_FIELDS["contact"],
    "created_at": "预警时间，带时区",
}
RAISED_FIELDS = {
    "type": "事件类型，固定为 `warning.raised`",
    "schema_version": ORDER_FIELDS["schema_version"],
    "warning_no": "预警编号，与此前的预警或交办单相同",
    "cause": "原因：`raised` 级别上升，`grown` 同类诉求增加，`back` 平息后复发",
    "level": ORDER_FIELDS["level"],
    "level_title": ORDER_FIELDS["level_title"],
    "level_before": "上次告知的级别",
    "organisation": ORDER_FIELDS["organisation"],
    "organisation_name": ORDER_FIELDS["organisation_name"],
    "order_no": "承办此事的交办单编号，时限不变；诉求已在其他平台承办的为 `null`",
    "revision": "该交办单的新修订号；没有交办单的为 `null`",
    "rule": "预警规则的编号和名称",
    "why": "为什么再次告知，不含个人信息",
    "demands": "新并入该交办单的诉求，各字段同 `order.created`",
    "cited": "已由其他平台或其他交办单承办的部分，只作参考，不重复办理",
    "observed": ORDER_FIELDS["observed"],
    "contact": ORDER_FIELDS["contact"],
    "created_at": "告知时间，带时区",
}
REVOKED_FIELDS = {
    "type": "事件类型，固定为 `warning.revoked`",
    "schema_version": ORDER_FIELDS["schema_version"],
    "warning_no": "被撤销（摘牌）的预警编号",
    "organisation": ORDER_FIELDS["organisation"],
    "organisation_name": ORDER_FIELDS["organisation_name"],
    "order_no": "随之撤回、不再办理的交办单编号；没有交办单或交办单继续办理的为 `null`",
    "revision": "该交办单的新修订号；没有撤回交办单的为 `null`",
    "replaced_by": "代替它的更高等级预警编号；由人撤销的为 `null`",
    "reason": "撤销的原因",
    "contact": ORDER_FIELDS["contact"],
    "created_at": "撤销时间，带时区",
}
SCORE_FIELDS = {
    "type": "事件类型，固定为 `score.notified`",
    "schema_version": ORDER_FIELDS["schema_version"],
    "month": "考核月份，形如 `2026-11`",
    "organisation": ORDER_FIELDS["organisation"],
    "organisation_name": ORDER_FIELDS["organisation_name"],
    "lines": "扣分依据，逐项列出：`warning_no` 预警编号、`rule` 规则编号、`level` 级别、`occurred_at` 发生时间、`case_nos` 办件编号、"
    "`points` 标准分值、`deducted` 实扣分值（按每百件折算，不超过该规则的月度上限）",
    "appeal_by": "申诉截止时间，带时区",
    "appeal_basis": "申诉期限的依据",
    "appeal_provisional": "期限是否跨入节假日安排未公布的年度，为 `true` 的是暂定",
    "contact": ORDER_FIELDS["contact"],
    "created_at": "告知时间，带时区",
}
DEMAND_FIELDS = {
    "demand_no": "诉求编号",
    "source_no": "来源平台的编号",
    "channel": "来源渠道",
    "submitted_at": "群众提出的时间，带时区",
    "demand_type": "诉求类型："
    + "、".join(
        f"`{one.value}` {word}"
        for one, word in zip(
            DemandType, ("咨询", "求助", "投诉", "举报", "建议", "表扬", "其他"), strict=True
        )
    ),
    "title": "标题，已脱敏",
    "text": "内容，已脱敏",
    "category": "分类",
    "region_code": "区划代码",
    "item_code": "政务服务事项编码",
    "item_name": "政务服务事项名称",
    "case_no": "办件编号",
}
REPLY_WORDS = {
    "is_true": "是否属实",
    "is_solved": "是否解决",
    "handling": "办理情况",
    "public_reply": "给群众的答复",
    "attachments": "佐证材料",
}
RETURN_WORDS = {
    "not_our_duty": "不属本单位职责",
    "other_region": "不属本辖区",
    "legal_channel": "应走诉讼、仲裁、复议等法定途径",
    "duplicate": "与其他交办单重复",
    "insufficient_facts": "事实不清，无法办理",
}


def demand() -> DemandFacts:
    """An invented demand of which every field that a department may see is set."""
    return DemandFacts(
        demand_id="01KAQ4R5T6V7W8X9Y0Z1A2B3C5",
        demand_no="41152120261123000017",
        channel="portal",
        instance="portal",
        watch=Watch.INSIGHT,
        nature=Nature.UNVOICED,
        source_no="ZX411521000000000017",
        submitted_at=datetime(2026, 11, 23, 1, 40, tzinfo=UTC),
        received_at=datetime(2026, 11, 23, 1, 45, tzinfo=UTC),
        demand_type=DemandType.HELP,
        status=DemandStatus.PENDING,
        urgency=Urgency.NORMAL,
        anonymity=Anonymity.SECRET,
        title="不动产登记第三次跑仍未受理",
        text="材料已经交了三次，每次说的都不一样，请问到底还缺什么？联系电话138****5678。",
        category="不动产登记",
        region_code="411521",
        item_code="11410000005184603Y4000715001",
        item_name="国有建设用地使用权及房屋所有权登记",
        case_no="BJ411521202611200031",
    )


def order() -> OrderMessage:
    """The message of an order about that demand, with the deadline that the calendar gives."""
    due = working_days_due(SENT_AT, DUE_WORKING_DAYS, ChinaCalendar(), DUE_BASIS)
    return OrderMessage(
        order_no="J41152120261123000003",
        level=Level.SERIOUS,
        level_title=LEVEL_TITLES[Level.SERIOUS],
        organisation="natural-resources",
        organisation_name="县自然资源局",
        warning_no="Y41152120261123000002",
        rule="W01 同人多诉",
        why="同一诉求人在30日内提出诉求3件（达到3件即提示），共涉及诉求3件。",
        demands=(shown(demand(), protected=False),),
        due_at=due.at,
        due_basis=due.basis,
        due_provisional=due.provisional,
        reply_fields=REPLY_FIELDS,
        return_codes=RETURN_CODES,
        contact="0376-0000000",
        created_at=SENT_AT,
    )


def body() -> bytes:
    """The very bytes of the example."""
    return canonical_json(order())


def headers() -> dict[str, str]:
    """The headers of the example's first attempt."""
    return {
        **sign(SECRET, MESSAGE_ID, SENT_AT, body()),
        "content-type": "application/json",
        "idempotency-key": MESSAGE_ID,
    }


def example() -> str:
    """The request as it arrives; the body is broken into lines for the page, and is one line on the wire."""
    broken = json.dumps(json.loads(body()), ensure_ascii=False, indent=2)
    lines = "\n".join(f"{name}: {value}" for name, value in headers().items())
    return f"```http\nPOST /webhook HTTP/1.1\n{lines}\n```\n\n```json\n{broken}\n```\n"


def vector() -> str:
    """What a department's own code must reproduce."""
    signed = headers()
    rows = [
        ["密钥", f"`{SECRET}`"],
        ["`webhook-id`", f"`{signed['webhook-id']}`"],
        ["`webhook-timestamp`", f"`{signed['webhook-timestamp']}`"],
        ["`webhook-signature`", f"`{signed['webhook-signature']}`"],
    ]
    return table(["名称", "值"], rows) + f"\n\n```text\n{body().decode()}\n```\n"


def order_fields() -> str:
    """The fields of ``order.created``."""
    return _fields(OrderMessage, ORDER_FIELDS)


def warning_fields() -> str:
    """The fields of ``warning.issued``."""
    return _fields(WarningMessage, WARNING_FIELDS)


def raised_fields() -> str:
    """The fields of ``warning.raised``."""
    return _fields(RaisedMessage, RAISED_FIELDS)


def revoked_fields() -> str:
    """The fields of ``warning.revoked``."""
    return _fields(RevokedMessage, REVOKED_FIELDS)


def score_fields() -> str:
    """The fields of ``score.notified``."""
    return _fields(ScoreMessage, SCORE_FIELDS)


def demand_fields() -> str:
    """The fields of one of ``demands``; of a protected demand the number alone."""
    whole = shown(demand(), protected=False)
    _same("a demand", set(whole), DEMAND_FIELDS)
    always = set(shown(demand().model_copy(update=dict.fromkeys(_optional())), protected=False))
    rows = [[f"`{name}`", "" if name in always else "可缺", DEMAND_FIELDS[name]] for name in whole]
    return table(["字段", "", "含义"], rows) + "\n"


def _optional() -> list[str]:
    return ["category", "region_code", "item_code", "item_name", "case_no"]


def reply_fields() -> str:
    """What an answer must hold, and why an order may be returned."""
    _same("reply_fields", set(REPLY_FIELDS), REPLY_WORDS)
    _same("return_codes", set(RETURN_CODES), RETURN_WORDS)
    rows = [["`reply_fields`", f"`{name}`", REPLY_WORDS[name]] for name in REPLY_FIELDS]
    rows += [["`return_codes`", f"`{name}`", RETURN_WORDS[name]] for name in RETURN_CODES]
    return table(["字段", "取值", "含义"], rows) + "\n"


def schedule() -> str:
    """When a message is sent again."""
    jitter = f"{RetrySchedule().jitter:.0%}"
    rows = [
        [f"第 {number} 次", "立即" if not delay else f"上一次失败后 {_span(delay)}"]
        for number, delay in enumerate(STANDARD_DELAYS_S, start=1)
    ]
    hours = sum(STANDARD_DELAYS_S) / 3_600
    told = f"各次间隔另加不超过 {jitter} 的随机时间。{len(rows)} 次共历时约 {hours:.1f} 小时，仍不成功即放弃，并告知枢纽的运维人员。"
    return table(["推送", "时间"], rows) + f"\n\n{told}\n"


def _span(seconds: float) -> str:
    for unit, word in ((3_600, "小时"), (60, "分钟")):
        if seconds >= unit:
            return f"{seconds / unit:g} {word}"
    return f"{seconds:g} 秒"


def _fields(model: type[BaseModel], words: dict[str, str]) -> str:
    _same(model.__name__, set(model.model_fields), words)
    schema = model.model_json_schema(mode="serialization")["properties"]
    rows = [[f"`{name}`", _type(schema[name]), words[name]] for name in model.model_fields]
    return table(["字段", "类型", "含义"], rows) + "\n"


def _type(schema: dict[str, object]) -> str:
    choices = schema.get("anyOf")
    if isinstance(choices, list):
        return " 或 ".join(_type(one) for one in choices)
    if "$ref" in schema or schema.get("type") == "integer":
        return "整数"
    named = {"array": "数组", "boolean": "布尔", "null": "`null`", "object": "对象"}
    return "时间" if schema.get("format") == "date-time" else named.get(str(schema.get("type")), "文本")


def _same(what: str, found: set[str], words: dict[str, str]) -> None:
    if found != set(words):
        raise ValueError(
            f"{what}: {sorted(found ^ set(words))} differ between the code and the guide: mend docs/_generate/webhook.py"
        )
