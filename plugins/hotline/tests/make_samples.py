"""Writes samples/: orders of our own making in each shape. What must come of each stands beside it, looked at by a person.

Run from the repository's root: ``python plugins/hotline/tests/make_samples.py``; with ``--demands`` it writes what comes of them, too.
"""

import json
import sys
from pathlib import Path

from hub.clock import COUNTY_ZONE
from hub.county.hotline_server import order_xml
from hub.sdk import RecordRejected
from hub.testing.contract import _as_json
from hub.testing.factories import channel_context
from hub_channel_hotline.mapping import Tables
from hub_channel_hotline.settings import SoapSource, ViewSource, WorkflowSource
from hub_channel_hotline.soap import soap_mapping
from hub_channel_hotline.view import view_mapping
from hub_channel_hotline.workflow import workflow_mapping

SAMPLES = Path(__file__).parents[1] / "samples"
PLACE = {
    "dialect": "postgresql",
    "host": "127.0.0.1",
    "database": "d",
    "user": "hub",
    "password": "source_database",
}

ORDER = {
    "工单编号": "230629102133115409",
    "来电时间": "2023-06-29 10:20:11",
    "更新时间": "2023-06-29 10:21:33",
    "来源渠道": "电话",
    "诉求人": "王女士",
    "来电号码": "1383765****",
    "联系电话": "13800001111",
    "诉求人类型": "个人",
    "诉求类型": "投诉",
    "紧急程度": "一般",
    "问题分类": "政务服务/窗口服务",
    "事发地址": "罗山县宝城街道便民服务中心",
    "区划代码": "411521100000",
    "标题": "不动产登记窗口多次要求补材料",
    "内容": "为办理房屋过户跑了三趟，每次都说还缺一份证明。<br/>请明确到底需要哪些材料 & 何时能办。",
    "承办单位": "罗山县行政审批和政务信息管理局",
    "办理时限": "5",
    "时限单位": "工作日",
    "工单状态": "已派遣",
    "是否保密": "否",
    "是否回访": "是",
}
SOAP = {
    "complaint_dispatched": ORDER,
    "pushed_without_state": {
        **{k: v for k, v in ORDER.items() if k not in ("工单状态", "诉求人类型")},
        "工单编号": "230629102133115410",
    },
    "report_is_secret": {
        **ORDER,
        "工单编号": "230711211745000021",
        "诉求类型": "举报",
        "标题": "窗口人员收受好处",
        "内容": "办理许可时被暗示要请客，不给就一直拖着。",
        "诉求人": "赵先生",
        "被反映单位": "县综合受理窗口",
        "工单状态": "已受理",
        "办理时限": "",
    },
    "chase_of_an_open_order": {
        **ORDER,
        "工单编号": "230705090000000007",
        "原工单编号": "230629102133115409",
        "是否催单": "是",
        "标题": "催问房屋过户",
        "内容": "上周反映的过户问题至今没有答复。",
    },
    "danger_anonymous": {
        **ORDER,
        "工单编号": "230801030000000001",
        "诉求人": "匿名",
        "联系电话": "",
        "诉求类型": "求助",
        "紧急程度": "特急",
        "标题": "燃气味",
        "内容": "龙山街道有人闻到燃气味，请马上派人。",
        "派单时间": "2023-08-01 03:05:00",
        "来电时间": "2023-08-01 03:00:00",
        "更新时间": "2023-08-01 03:05:00",
        "办理时限": "15",
        "时限单位": "分钟",
    },
    "extended": {
        **ORDER,
        "工单编号": "230629102133115411",
        "截止时间": "2023-07-06 17:30:00",
        "延期截止时间": "2023-07-13 17:30:00",
        "工单状态": "申请延期",
    },
    "deleted": {**ORDER, "工单编号": "230629102133115412", "工单状态": "作废", "删除标志": "1"},
    "unknown_type": {**ORDER, "诉求类型": "挪移", "工单编号": "230629102133115413"},
    "no_demand": {**ORDER, "诉求类型": "骚扰来电", "工单编号": "230629102133115414"},
    "unknown_state": {**ORDER, "工单状态": "飞行中", "工单编号": "230629102133115415"},
    "unknown_unit": {**ORDER, "时限单位": "旬", "工单编号": "230629102133115416"},
    "no_call_time": {**ORDER, "来电时间": "null", "工单编号": "230629102133115417"},
    "no_words": {**ORDER, "标题": "", "内容": "<p>&nbsp;</p>", "工单编号": "230629102133115418"},
}
ROW = {
    "ORDER_NUM": "230629102133115409",
    "CALL_TIME": "2023-06-29 10:20:11",
    "SOURCE_TYPE": "省12345",
    "CALLER_NAME": "王女士",
    "CALLER_PHONE": "0376-2123456",
    "CALLER_CONTACT": "138****1111",
    "CALLER_TYPE": "投诉",
    "PILOT_LIGHT": "绿",
    "QUESTION_CODE": "010203",
    "QUESTION_NAME": "政务服务/窗口服务",
    "IS_SECRET": "0",
    "ADDRESS": "罗山县宝城街道",
    "TITLE": "不动产登记窗口多次要求补材料",
    "MAJOR_CONTENT": "为办理房屋过户跑了三趟，每次都说还缺一份证明。",
    "ORGANIZATION_CODE": "411521-0017",
    "HANDLE_DAYS": "5",
    "TIME_UNIT": "工作日",
    "DEADLINE_DATE": None,
    "ORDER_STATE": "30",
    "OLD_ORDER_NUM": None,
    "IS_SUPERVISE": "0",
    "DELAY_DEADLINE_DATE": None,
    "BACK_NUM": "0",
    "UPDATE_TIME": "2023-06-29 10:21:33",
}
VIEW = {
    "row_dispatched": ROW,
    "row_overseen_with_deadline": {
        **ROW,
        "ORDER_NUM": "230629102133115420",
        "ORDER_STATE": "80",
        "IS_SUPERVISE": "1",
        "DEADLINE_DATE": "2023-07-06 17:30:00",
        "BACK_NUM": "2",
    },
    "row_chase_in_title": {
        **ROW,
        "ORDER_NUM": "230629102133115421",
        "TITLE": "【催单】不动产登记窗口",
        "OLD_ORDER_NUM": "230629102133115409",
        "IS_SECRET": "是",
        "ORDER_STATE": "10",
        "ORGANIZATION_CODE": "",
        "HANDLE_DAYS": None,
    },
    "row_closed_with_bare_numbers": {
        **ROW,
        "ORDER_NUM": 230629102133115422,
        "CALLER_PHONE": 13900002222,
        "IS_SECRET": False,
        "ORDER_STATE": 70,
        "TITLE": None,
        "HANDLE_DAYS": 24,
        "TIME_UNIT": "小时",
    },
    "row_unknown_state": {**ROW, "ORDER_STATE": "33", "ORDER_NUM": "230629102133115423"},
    "row_without_type": {**ROW, "CALLER_TYPE": None, "ORDER_NUM": "230629102133115424"},
    "row_with_bytes_for_words": {
        **ROW,
        "MAJOR_CONTENT": {"base64": "iVBOR//+AA=="},
        "ORDER_NUM": "230629102133115425",
    },
}
STEP = {
    "record_number": "250912101108115409",
    "ps_caption": "预审",
    "pss_caption_start": "待派遣",
    "pss_caption_end": "已派遣",
    "update_time": "2025-09-12 10:30:00",
    "call_time": "2025-09-12 10:11:08",
    "dispatch_time": "2025-09-12 10:30:00",
    "source_type": "电话",
    "caller_name": "李先生",
    "caller_phone": "13700003333",
    "contact_phone": "13700003333",
    "event_type": "求助",
    "urgency": "紧急件",
    "event_class": "政务服务",
    "is_secret": "0",
    "address": "罗山县龙山街道",
    "area_code": "411521",
    "di_title": "营业执照变更一直没有结果",
    "note": "提交变更申请已经两周，窗口说系统有问题。",
    "unit_name": "罗山县市场监督管理局",
    "handle_limit": "3",
    "time_unit": "工作日",
}
WORKFLOW = {
    "step_dispatched": STEP,
    "step_accepted": {
        **STEP,
        "ps_caption": "受理",
        "pss_caption_start": "待受理",
        "pss_caption_end": "已受理",
    },
    "step_handled": {
        **STEP,
        "ps_caption": "处置",
        "pss_caption_start": "待处置",
        "pss_caption_end": "已处置",
    },
    "step_begun_and_not_ended": {
        **STEP,
        "ps_caption": "回访",
        "pss_caption_start": "待回访",
        "pss_caption_end": "",
    },
    "step_closed": {
        **STEP,
        "ps_caption": "结案",
        "pss_caption_start": "已回访",
        "pss_caption_end": "已结案",
        "deadline": "2025-09-17 17:30:00",
    },
    "step_unknown": {**STEP, "pss_caption_end": "飞行中"},
}


def written():
    """File name -> bytes."""
    for name, order in SOAP.items():
        yield f"soap/{name}.xml", f"{order_xml(order)}\n".encode()
    for folder, records in (("view", VIEW), ("workflow", WORKFLOW)):
        for name, record in records.items():
            yield f"{folder}/{name}.json", f"{json.dumps(record, ensure_ascii=False, indent=1)}\n".encode()


def mappings():
    """Folder -> how its records are read."""
    context = channel_context(zone=COUNTY_ZONE)
    return {
        "soap": soap_mapping(SoapSource(kind="soap", base_url="http://h"), context, Tables()),
        "view": view_mapping(
            ViewSource.model_validate({"kind": "view", "database": PLACE}), context, Tables()
        ),
        "workflow": workflow_mapping(WorkflowSource(kind="workflow", base_url="http://h"), context, Tables()),
    }


class SampleFiles:
    """The samples as they stand, and as they are written."""

    @staticmethod
    def in_folder(folder):
        ours = {path.name: path.read_bytes() for path in (SAMPLES / folder).iterdir()}
        return {
            name: body
            for name, body in ours.items()
            if not name.endswith((".demands.json", ".rejected.json"))
        }

    @staticmethod
    def written(folder):
        return {name.partition("/")[2]: body for name, body in written() if name.startswith(f"{folder}/")}


if __name__ == "__main__":
    for name, content in written():
        path = SAMPLES / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        if "--demands" in sys.argv:
            try:
                said = [_as_json(demand) for demand in mappings()[path.parent.name].demands(content)]
                path.with_suffix(".demands.json").write_text(
                    json.dumps(said, ensure_ascii=False, indent=1) + "\n", "utf-8"
                )
            except RecordRejected as exc:
                path.with_suffix(".rejected.json").write_text(json.dumps({"code": exc.code}) + "\n", "utf-8")
