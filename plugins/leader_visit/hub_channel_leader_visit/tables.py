"""The words of ledgers of visits, and what each means; a county's own go before them, in the settings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from hub.model.codes import Authority, Trait
from hub.sdk.readers.sheet import Column

NUMBER, DAY, WHO, TYPE = "编号", "视察时间", "视察领导/机关", "监督类型"
PROBLEM, INSTRUCTION, TRAITS, CLOSED, CLOSED_AT = "指出问题", "批示原文", "问题特征", "销号", "销号时间"
_COLUMNS = (
    Column(NUMBER, ("事项编号", "督办编号", "批示编号", "问题编号", "no")),
    Column(DAY, ("视察日期", "时间", "日期", "批示时间", "批示日期", "监督时间", "调研时间", "visitedAt"), required=True),
    Column(WHO, ("视察领导", "视察机关", "视察领导机关", "批示领导", "监督机关", "监督单位", "领导", "交办机关", "authority")),
    Column(TYPE, ("监督力量", "机关类别", "监督类别", "authorityType")),
    Column("中心级别", ("层级", "level")),
    Column("中心", ("中心名称", "政务服务中心", "centre")),
    Column("视察地点", ("地点", "视察点位", "area")),
    Column(PROBLEM, ("指出的问题", "存在问题", "问题", "问题描述", "反馈问题", "problem"), required=True),
    Column(INSTRUCTION, ("批示", "批示内容", "批示要求", "领导批示", "指示要求", "instruction")),
    Column(TRAITS, ("特征", "研判特征", "问题标签", "traits")),
    Column("严重程度", ("问题等级", "severity")),
    Column("涉及事项", ("事项", "事项名称", "serviceItem")),
    Column("牵头单位", ("牵头部门", "责任单位", "主办单位", "责任部门", "organisation")),
    Column("配合单位", ("配合部门", "协办单位", "协同单位", "coOrganisations")),
    Column("责任人", ("责任领导", "整改责任人", "联系人", "person")),
    Column("整改时限", ("整改期限", "完成时限", "办理时限", "rectifyBy")),
    Column("进展", ("整改进展", "进展情况", "整改情况", "落实情况", "办理进展", "progress")),
    Column("整改完成时间", ("完成时间", "整改完成日期", "rectifiedAt")),
    Column(CLOSED, ("是否销号", "销号情况", "销号状态", "closed")),
    Column(CLOSED_AT, ("销号日期", "确认时间", "closedAt")),
    Column("上次问题编号", ("原问题编号", "关联问题编号", "previousNo")),
)  # fmt: skip
AUTHORITIES: Mapping[str, Authority] = {
    **dict.fromkeys(("县委", "党委", "县委办", "县委书记", "party_committee"), Authority.PARTY_COMMITTEE),
    **dict.fromkeys(("县政府", "政府", "县政府办", "县长", "government"), Authority.GOVERNMENT),
    **dict.fromkeys(("人大", "县人大", "人大监督", "人大代表", "congress"), Authority.CONGRESS),
    **dict.fromkeys(("政协", "县政协", "民主监督", "政协委员", "consultative"), Authority.CONSULTATIVE),
    **dict.fromkeys(
        ("纪委", "监委", "纪委监委", "纪检监察", "纪检", "县纪委监委", "巡察", "discipline"), Authority.DISCIPLINE
    ),
    **dict.fromkeys(("审计", "县审计局", "审计监督", "audit"), Authority.AUDIT),
    **dict.fromkeys(("上级", "上级机关", "市级", "省级", "国家", "superior"), Authority.SUPERIOR),
    **dict.fromkeys(("其他", "其它", "other"), Authority.OTHER),
}  # fmt: skip
# In this order: a body of the city or the province is the superior whatever it does, and the discipline inspection sits at the party committee's house.
BY_NAME = (
    (
        re.compile(r"^(?!县|本县|城市)(?:中央|中共中央|国务院|国家|全国|[一-龥]{0,3}省(?!直)|[一-龥]{0,3}市(?!场|民|政(?!府|协|务)))"), Authority.SUPERIOR),
    (re.compile(r"纪委|监委|纪检|巡察"), Authority.DISCIPLINE),
    (re.compile(r"审计"), Authority.AUDIT),
    (re.compile(r"人大|人民代表大会"), Authority.CONGRESS),
    (re.compile(r"政协|政治协商"), Authority.CONSULTATIVE),
    (re.compile(r"县委|县党委"), Authority.PARTY_COMMITTEE),
    (re.compile(r"县(?:人民)?政府|县长"), Authority.GOVERNMENT),
)  # fmt: skip
TRAIT_WORDS: Mapping[str, Trait] = {
    **dict.fromkeys(("影响差", "影响恶劣", "社会影响差", "bad_influence"), Trait.BAD_INFLUENCE),
    **dict.fromkeys(("阻力大", "推进阻力大", "resistance"), Trait.RESISTANCE),
    **dict.fromkeys(("协调难", "协调难度大", "hard_to_coordinate"), Trait.HARD_TO_COORDINATE),
    **dict.fromkeys(("苗头性", "苗头性问题", "苗头", "emerging"), Trait.EMERGING),
    **dict.fromkeys(("倾向性", "倾向性问题", "tendency"), Trait.TENDENCY),
    **dict.fromkeys(("群诉隐患", "群访隐患", "群体性隐患", "group_risk"), Trait.GROUP_RISK),
    **dict.fromkeys(("社会影响面宽", "影响面宽", "影响面广", "wide"), Trait.WIDE),
    **dict.fromkeys(("热点敏感", "热点", "敏感", "sensitive"), Trait.SENSITIVE),
    **dict.fromkeys(("棘手难点", "棘手", "knotty"), Trait.KNOTTY),
    **dict.fromkeys(("存在隐患", "可能存在隐患", "隐患", "latent"), Trait.LATENT),
}
CLOSINGS: Mapping[str, bool] = {
    **dict.fromkeys(("是", "已销号", "销号", "同意销号", "已确认", "√", "✓", "yes", "true"), True),
    **dict.fromkeys(
        ("否", "未销号", "不同意销号", "待销号", "申请销号", "未确认", "×", "no", "false", "无", "/", "-"),
        False,
    ),
}


def columns(*, who_is_needed: bool) -> tuple[Column, ...]:
    """The columns that are known; whose visit it was must have one unless the settings say it for the whole ledger."""
    return tuple(
        replace(one, required=one.required or (who_is_needed and one.name == WHO)) for one in _COLUMNS
    )
