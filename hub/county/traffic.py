"""What a small county says to its portal and its mailbox: seeded, with planted events whose truth is known.

Synthetic through and through: names are put together by chance, identity numbers bear a wrong check digit, and every
telephone number is drawn anew. The generator knows no rule's threshold; it plants what happened and says so in `Planted`.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.header import Header
from email.mime.text import MIMEText
from email.utils import format_datetime, formataddr
from typing import Any

from hub.clock import COUNTY_ZONE

SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗"
GIVEN = "建国 秀英 志强 桂兰 海涛 玉珍 永福 晓梅 国庆 丽华 大勇 春燕 振华 淑芬 文杰 雪梅".split()
TOWNS = "宝城街道 龙山街道 丽水街道 周党镇 莽张镇 子路镇 楠杆镇 青山镇 铁铺镇 东铺镇".split()


@dataclass(frozen=True, slots=True)
class Topic:
    """One thing that people come about."""

    name: str
    item_code: str
    titles: tuple[str, ...]
    words: tuple[str, ...]


TOPICS = (
    Topic(
        "不动产登记",
        "11411521MB1234567X4000715001000",
        ("不动产登记窗口多次要求补材料", "过户手续跑了几趟没办成", "房产证迟迟拿不到"),
        (
            "我在{town}买的房子，到政务大厅不动产窗口办转移登记，工作人员先说缺一份证明，补齐以后又说还要另一份，前后跑了{n}趟。",
            "不动产窗口上午只放{n}个号，来晚了就排不上，请问能不能网上预约？",
            "交件已经{n}个工作日，系统里还显示审核中，打电话也没有人接，希望给个明确的时间。",
        ),
    ),
    Topic(
        "企业开办",
        "11411521MB7654321Y4000131001000",
        ("营业执照变更问题", "食品经营许可怎么办", "企业开办一网通办页面打不开"),
        (
            "我在{town}开了一家小吃店，想办食品经营许可，网上提交了{n}次都提示附件格式不对，窗口说是系统的问题。",
            "营业执照变更经营范围，网上办理的说明写得不清楚，咨询电话打了{n}遍没有人接。",
            "建议把企业开办的材料清单贴在大厅门口，少跑冤枉路。",
        ),
    ),
    Topic(
        "社会保障",
        "11411521MB2468135Z4000514001000",
        ("养老金资格认证", "社保卡补办", "医保报销进度"),
        (
            "老人今年{n}十多岁，手机上的养老金资格认证做不了，{town}的便民服务站又经常没有人。",
            "社保卡丢了，补办要等{n}天，这期间看病怎么报销？",
            "异地就医备案以后，报销款{n}个月还没有到账，请帮忙查一查。",
        ),
    ),
    Topic(
        "城市管理",
        "11411521MB1357924A4000900001000",
        ("路灯不亮", "垃圾清运不及时", "夜间施工扰民"),
        (
            "{town}农贸市场旁边的路灯坏了{n}盏，晚上接孩子放学看不清路。",
            "小区门口的垃圾桶{n}天没有清运，味道很大，希望尽快处理。",
            "工地晚上{n}点还在施工，老人孩子都睡不好，请有关部门管一管。",
        ),
    ),
)
EMERGENCY = "{town}幸福小区{n}号楼楼道里现在闻到很浓的燃气味，燃气正在泄漏，已经有老人头晕，请马上派人来！"
TYPES = (("1", "咨询"), ("2", "投诉"), ("3", "建议"), ("5", "求助"))


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who voices demands."""

    name: str
    phone: str
    id_no: str
    email: str
    account: str
    town: str


@dataclass
class Planted:
    """The truth about what was planted.

    Attributes:
        repeaters: Accounts or telephones of persons who came back again and again.
        emergencies: Source numbers of demands that tell of a danger happening now.
        bad: Channel -> records that cannot be used.
        people: Everybody whose data must never stand anywhere in plain.
    """

    repeaters: list[Person] = field(default_factory=list)
    emergencies: list[str] = field(default_factory=list)
    bad: dict[str, int] = field(default_factory=lambda: {"portal": 0, "mailbox": 0})
    people: list[Person] = field(default_factory=list)


@dataclass
class Batch:
    """What reaches the county at one time."""

    portal: list[dict[str, Any]] = field(default_factory=list)
    mails: list[tuple[datetime, bytes]] = field(default_factory=list)


class Traffic:
    """The county's voices: the same seed and times give the same words, names and numbers.

    Args:
        seed: Any whole number.
        began_at: When the simulated county was first started, aware; the first batch lies in the weeks before it.
        portal_per_batch: Portal records of each later batch; the first has fifteen times as many.
    """

    def __init__(
        self, seed: int, began_at: datetime, *, portal_per_batch: int = 4, mails_per_batch: int = 2
    ) -> None:
        self.seed = seed
        self.began_at = began_at
        self.planted = Planted()
        self._portal_per_batch = portal_per_batch
        self._mails_per_batch = mails_per_batch

    def batch(self, number: int, at: datetime) -> Batch:
        """Batch ``number`` (0 is the first, large one), arriving at ``at``; call them in order."""
        rng = random.Random(f"{self.seed}:{number}")
        batch = Batch()
        if number == 0:
            for index, moment in enumerate(_spread(rng, 15 * self._portal_per_batch, at, days=20)):
                self._portal(rng, batch, f"{number:03d}{index:03d}", moment)
            for moment in _spread(rng, 10 * self._mails_per_batch, at, days=20):
                self._mail(rng, batch, self._person(rng), rng.choice(TOPICS), moment)
            self._plant(rng, batch, at)
        else:
            for index in range(self._portal_per_batch):
                self._portal(rng, batch, f"{number:03d}{index:03d}", at)
            for _ in range(self._mails_per_batch):
                self._mail(rng, batch, self._person(rng), rng.choice(TOPICS), at)
        return batch

    def _person(self, rng: random.Random) -> Person:
        name = rng.choice(SURNAMES) + rng.choice(GIVEN)
        serial = f"{rng.randrange(10**8):08d}"
        body = f"411521{rng.randrange(1955, 2004)}{rng.randrange(1, 13):02d}{rng.randrange(1, 28):02d}{rng.randrange(1000):03d}"
        person = Person(
            name=name,
            phone=f"1{rng.choice('3578')}{rng.randrange(10)}{serial}",
            id_no=body + _wrong_check_digit(body),
            email=f"u{serial}@mail.example",
            account=f"zh{rng.randrange(10**10):010d}",
            town=rng.choice(TOWNS),
        )
        self.planted.people.append(person)
        return person

    def _portal(
        self,
        rng: random.Random,
        batch: Batch,
        serial: str,
        at: datetime,
        *,
        person: Person | None = None,
        topic: Topic | None = None,
        content: str | None = None,
        kind: tuple[str, str] | None = None,
        **fields: Any,
    ) -> dict[str, Any]:
        person = person or self._person(rng)
        topic = topic or rng.choice(TOPICS)
        code, name = kind or rng.choice(TYPES)
        masked = rng.random() < 0.5 and content is None
        local = at.astimezone(COUNTY_ZONE)
        words = content or rng.choice(topic.words).format(town=person.town, n=rng.randrange(2, 9))
        if rng.random() < 0.2 and not masked:
            words += f"我叫{person.name}，电话{person.phone}。"
        record: dict[str, Any] = {
            "zxbh": f"ZX411521{local:%Y%m%d}{serial}",
            "lx": code,
            "lxmc": name,
            "bt": rng.choice(topic.titles),
            "nr": words + ("<br/>望尽快答复" if rng.random() < 0.2 else ""),
            "sxbm": topic.item_code,
            "sxmc": topic.name,
            "bjbh": f"411521{local:%y%m%d}{rng.randrange(10**6):06d}",
            "xm": person.name[0] + "*" * (len(person.name) - 1) if masked else person.name,
            "sjh": f"{person.phone[:3]}****{person.phone[-4:]}" if masked else person.phone,
            "zjlx": "111",
            "zjhm": f"{person.id_no[:6]}********{person.id_no[-4:]}" if masked else person.id_no,
            "zhid": person.account,
            "sfgk": rng.choice("01"),
            "tjsj": f"{local:%Y-%m-%d %H:%M:%S}",
            "gxsj": f"{local:%Y-%m-%d %H:%M:%S}",
            "zt": "1",
            "fj": [],
            **fields,
        }
        batch.portal.append(record)
        return record

    def _mail(
        self,
        rng: random.Random,
        batch: Batch,
        person: Person,
        topic: Topic,
        at: datetime,
        *,
        subject: str | None = None,
    ) -> None:
        tag = rng.choice(("投诉", "咨询", "建议", "求助"))
        words = rng.choice(topic.words).format(town=person.town, n=rng.randrange(2, 9))
        charset = rng.choice(("gb18030", "utf-8"))
        mail = MIMEText(f"您好：\n{words}\n\n此致\n{person.name}\n电话：{person.phone}\n", "plain", charset)
        mail["From"] = formataddr((Header(person.name, charset).encode(), person.email))
        mail["To"] = "tousu@county.example"
        mail["Date"] = format_datetime(at.astimezone(COUNTY_ZONE))
        mail["Message-ID"] = f"<{rng.randrange(10**16):016d}@mail.example>"
        mail["Subject"] = Header(subject or f"【{tag}】{rng.choice(topic.titles)}", charset).encode()
        batch.mails.append((at, mail.as_bytes()))

    def _plant(self, rng: random.Random, batch: Batch, at: datetime) -> None:
        """Persons who come back, a danger happening now, and records that no mapping can use."""
        for index in range(2):
            person = self._person(rng)
            self.planted.repeaters.append(person)
            for visit in range(3):
                moment = at - timedelta(days=12 - 4 * visit, hours=rng.randrange(1, 9))
                self._portal(
                    rng,
                    batch,
                    f"9{index}{visit}000",
                    moment,
                    person=person,
                    topic=TOPICS[0],
                    kind=TYPES[1],
                    content=self._again(rng, person, visit),
                )
            self._mail(rng, batch, person, TOPICS[0], at - timedelta(days=1), subject="【投诉】还是没有办成")
        alarmed = self._portal(
            rng,
            batch,
            "990000",
            at - timedelta(minutes=9),
            topic=TOPICS[3],
            kind=TYPES[3],
            content=EMERGENCY.format(town=rng.choice(TOWNS), n=rng.randrange(1, 20)),
        )
        self.planted.emergencies.append(alarmed["zxbh"])
        self._portal(
            rng,
            batch,
            "980001",
            at - timedelta(hours=5),
            kind=("77", "未知类型"),
            content="类型代码不在表中。",
        )
        nameless = self._portal(rng, batch, "980002", at - timedelta(hours=6), content="没有编号。")
        nameless["zxbh"] = ""
        self.planted.bad["portal"] += 2
        self._mail(
            rng, batch, self._person(rng), TOPICS[2], at - timedelta(hours=7), subject="【天书】没有这个类别"
        )
        self.planted.bad["mailbox"] += 1

    def _again(self, rng: random.Random, person: Person, visit: int) -> str:
        return f"第{visit + 1}次反映：" + TOPICS[0].words[visit].format(
            town=person.town, n=rng.randrange(2, 9)
        )


def _spread(rng: random.Random, count: int, until: datetime, *, days: int) -> Iterator[datetime]:
    """Moments in the days before ``until``, ascending, mostly in office hours."""
    seconds = sorted(rng.randrange(600, days * 86_400) for _ in range(count))
    for back in reversed(seconds):
        yield until - timedelta(seconds=back)


def _wrong_check_digit(body: str) -> str:
    """A check digit that does not fit: such a number belongs to nobody."""
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    right = "10X98765432"[sum(int(digit) * weight for digit, weight in zip(body, weights, strict=True)) % 11]
    return "0" if right != "0" else "1"
