"""Portal records made from a seed, serialised once, so that serving a page costs next to nothing.

The records have the shape of the county portal's list interface (domain.md §7): about 850 bytes each, a complaint
text of about 150 characters, telephone and identity numbers masked in one half and plain in the other. All persons,
numbers and sentences are invented here.
"""

from __future__ import annotations

import json
import random
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate

TIME_FORMAT = "%Y-%m-%d %H:%M:%S"
NEWEST = datetime(2026, 10, 31, 17, 30, 0)
SPACING_S = 150

_KINDS = (("1", "咨询"), ("2", "投诉"), ("3", "建议"), ("4", "求助"))
_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
_GIVEN = "建国秀英志强丽华海燕明亮桂兰永红晓东春梅文静少军玉珍立新雪峰爱民素芳"
_WHERE = (
    "宝城街道便民服务中心二楼",
    "县政务服务大厅一楼综合受理区",
    "丽水街道服务站",
    "龙山街道政务服务大厅东侧",
    "灵山镇便民服务中心",
    "周党镇综合窗口",
    "楠杆镇服务大厅",
    "县不动产登记中心西厅",
)
_MATTERS = (
    ("不动产转移登记", "不动产登记窗口多次要求补材料"),
    ("个体工商户设立登记", "营业执照迟迟没有办下来"),
    ("城乡居民基本医疗保险参保登记", "医保参保信息一直查不到"),
    ("机动车驾驶证换证", "换证排队时间太长"),
    ("城镇老旧小区供水报装", "自来水报装没有人上门"),
    ("生育登记服务", "生育登记系统总是报错"),
    ("食品经营许可证核发", "食品经营许可审批进度不清楚"),
    ("残疾人证新办", "残疾人证办理流程没有说清"),
)
_OPENINGS = (
    "我于{day}到{place}办理{matter}，取号以后等了将近两个小时才轮到。",
    "{day}上午我带着全套材料去{place}申请{matter}，",
    "家里老人行动不便，{day}由我代为到{place}咨询{matter}的办理办法。",
    "我在外地务工，专门请假回来，{day}到{place}办{matter}。",
    "上个月在网上提交了{matter}的申请，{day}又按通知到{place}核对原件。",
)
_TROUBLES = (
    "工作人员先说缺一份证明，第二次去又说证明的格式不对，前后跑了{times}趟仍然没有受理。",
    "窗口说系统正在升级，让回家等电话，可是已经过去{times}天没有任何消息。",
    "告知单上写的材料和现场要求的不一样，每次都要重新复印，来回{times}次都没有办成。",
    "两个窗口互相推说不归自己管，让我在大厅里来回走了{times}遍，也没有人给一个明确答复。",
    "网上显示已经办结，但是到现场说还没有审批，问了{times}个人说法都不一样。",
)
_DETAILS = (
    "现场没有一次性告知清单，咨询台的电话一直占线，大厅里的自助机也停用了。",
    "同一天来办事的好几位群众都遇到同样的情况，大家意见比较大。",
    "我把之前的受理回执和缴费单据都带上了，对方看了一眼就退了回来。",
    "旁边的预约通道空着，却不允许现场改约，只能重新排队。",
    "办事指南里写明五个工作日办结，实际已经超过期限。",
)
_WISHES = (
    "希望尽快核实情况，告诉我到底还需要哪些材料。",
    "请有关部门给一个明确的办理时间，不要再让群众多跑路。",
    "建议增加窗口人手，把材料清单贴在显眼的地方。",
    "请协调两个部门一次说清楚，盼复。",
    "望督促改进服务态度，并请电话回复办理结果。",
)
_ADDITIONS = (
    "此前也打过咨询电话，接线员只是让再等等。",
    "为了这件事已经请了好几次假，路费也花了不少。",
    "村里还有几户人家在等着一起办，影响比较大。",
    "材料复印件我都留着，可以随时提供核对。",
)
_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ID_CHECKS = "10X98765432"


@dataclass(frozen=True)
class RecordSet:
    """Serialised records in the order of (gxsj, zxbh), and where each one starts.

    Attributes:
        blob: The records' JSON, each followed by one comma.
        starts: Byte offset of each record in ``blob``, and its length at the end: one more than there are records.
        times: ``gxsj`` of each record, ascending.
    """

    blob: bytes
    starts: list[int]
    times: list[str]

    def __len__(self) -> int:
        return len(self.times)

    def window(self, start: str | None, end: str | None) -> range:
        """Indexes of the records with start <= gxsj <= end; an absent bound is open."""
        first = bisect_left(self.times, start) if start else 0
        last = bisect_right(self.times, end) if end else len(self.times)
        return range(first, max(first, last))

    def page(self, window: range, number: int, size: int) -> bytes:
        """The JSON envelope of page ``number`` (from 1) of ``window``."""
        part = window[(number - 1) * size : number * size]
        head = (
            f'{{"code":200,"message":"成功","data":{{"total":{len(window)},'
            f'"pageNum":{number},"pageSize":{size},"list":['
        ).encode()
        records = self.blob[self.starts[part.start] : self.starts[part.stop] - 1] if part else b""
        return b"".join((head, records, b"]}}"))


def make_records(count: int, seed: int) -> RecordSet:
    """``count`` records; the same count and seed give the same bytes.

    Now and then neighbours share a second, so that equal times stand at page borders as they do in real sources.
    """
    rng = random.Random(f"collect-{seed}-{count}")
    moment = NEWEST - timedelta(seconds=SPACING_S * (count - 1))
    updated = moment
    made: list[tuple[str, str, bytes]] = []
    for index in range(count):
        updated = moment if rng.random() < 0.97 else updated
        moment += timedelta(seconds=SPACING_S)
        record = _record(rng, index, updated)
        text = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
        made.append((str(record["gxsj"]), str(record["zxbh"]), text.encode() + b","))
    made.sort()
    starts = list(accumulate((len(body) for _, _, body in made), initial=0))
    return RecordSet(b"".join(body for _, _, body in made), starts, [time for time, _, _ in made])


def _record(rng: random.Random, index: int, updated: datetime) -> dict[str, object]:
    kind, kind_name = rng.choice(_KINDS)
    matter, title = rng.choice(_MATTERS)
    submitted = updated if rng.random() < 0.7 else updated - timedelta(minutes=rng.randrange(5, 4_000))
    attached = (
        [{"name": "1.jpg", "url": f"/file/{rng.getrandbits(48):012x}.jpg"}] if rng.random() < 0.2 else []
    )
    return {
        "zxbh": f"ZX411521{submitted:%Y%m%d}{index:07d}",
        "lx": kind,
        "lxmc": kind_name,
        "bt": title,
        "nr": _text(rng, submitted, matter),
        "sxbm": f"11411521MB{rng.randrange(10**7):07d}X4000{rng.randrange(10**9):09d}",
        "sxmc": matter,
        "bjbh": f"411521{submitted:%y%m%d}{rng.randrange(10**6):06d}",
        "xm": _name(rng),
        "sjh": _phone(rng),
        "zjlx": "111",
        "zjhm": _identity_number(rng),
        "sfgk": rng.choice("01"),
        "tjsj": submitted.strftime(TIME_FORMAT),
        "gxsj": updated.strftime(TIME_FORMAT),
        "zt": rng.choice("123"),
        "fj": attached,
    }


def _text(rng: random.Random, submitted: datetime, matter: str) -> str:
    opening = rng.choice(_OPENINGS).format(
        day=f"{submitted.month}月{submitted.day}日", place=rng.choice(_WHERE), matter=matter
    )
    trouble = rng.choice(_TROUBLES).format(times=rng.randrange(2, 12))
    line = "<br/>" if rng.random() < 0.3 else ""
    return f"{opening}{trouble}{line}{rng.choice(_DETAILS)}{rng.choice(_ADDITIONS)}{rng.choice(_WISHES)}"


def _name(rng: random.Random) -> str:
    surname = rng.choice(_SURNAMES)
    return surname + ("*" if rng.random() < 0.5 else "".join(rng.sample(_GIVEN, 2)))


def _phone(rng: random.Random) -> str:
    digits = f"1{rng.choice('3578')}{rng.randrange(10**9):09d}"
    return f"{digits[:3]}****{digits[7:]}" if rng.random() < 0.5 else digits


def _identity_number(rng: random.Random) -> str:
    born = datetime(1950, 1, 1) + timedelta(days=rng.randrange(20_000))
    body = f"411521{born:%Y%m%d}{rng.randrange(1000):03d}"
    total = sum(int(digit) * weight for digit, weight in zip(body, _ID_WEIGHTS, strict=True))
    number = body + _ID_CHECKS[total % 11]
    return f"{number[:6]}********{number[14:]}" if rng.random() < 0.5 else number
