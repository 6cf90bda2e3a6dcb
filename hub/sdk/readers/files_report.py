"""What goes back to whoever dropped a file (R75, the error return): a report for programs and a few lines for a clerk.

Both name sheet, row and column, and never a value: whoever dropped the file has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import orjson

from hub.errors import Code
from hub.sdk.readers.sheet import SetAside, Tally

REPORT_VERSION = 1
_LINES = 200

_WORDS = {
    Code.FIELD_MISSING: "缺少必填内容",
    Code.FIELD_INVALID: "内容无法识别",
    Code.VALUE_UNMAPPED: "填写的类别不在约定的清单内",
    Code.KEY_MISSING: "缺少编号",
    Code.KEY_INVALID: "编号重复，或者编号的位数已经丢失",
    Code.RECORD_EMPTY: "没有可以登记的内容",
    Code.RECORD_TOO_LARGE: "内容过长",
    Code.SHEET_HEADER: "表头缺少必要的列，或者同一列出现两次",
    Code.FILE_UNREADABLE: "文件无法打开：已损坏、设有密码，或者不是电子表格",
    Code.FILE_TOO_LARGE: "文件过大",
    Code.FILE_CUT_SHORT: "文件不完整，上传可能中断",
    Code.FILE_REFUSED: "文件名或者文件类型不允许",
    Code.PAGE_ENCODING: "文字编码无法识别",
}
_PASSED_OVER = {"totals": "合计行", "note": "填表说明等", "header_again": "重复的表头"}
_SHEETS = {
    "hidden": "隐藏的工作表",
    "other_name": "名称不在约定之内的工作表",
    "no_header": "没有表头的工作表",
}


@dataclass(frozen=True, slots=True)
class FileReport:
    """What became of one file.

    Attributes:
        digest: SHA-256 of its content, or of what stands for it where it was not read.
        read_at: Aware.
        tally: What was found in it.
        refused: Why it could not be read as a whole; None where it was.
        known: Its content had been read before.
        words: What the plan's own reasons for passing over a row are called in Chinese.
    """

    digest: str
    read_at: datetime
    tally: Tally
    refused: SetAside | None = None
    known: bool = False
    words: dict[str, str] | None = None

    @property
    def wants_attention(self) -> bool:
        """Whether a clerk has something to mend."""
        return self.refused is not None or self.tally.set_aside_count > 0

    def as_json(self) -> bytes:
        """The report for programs, UTF-8; ``set_aside`` holds the first thousand, ``set_aside_count`` counts all."""
        tally = self.tally
        told = [self.refused] if self.refused is not None else tally.set_aside
        return orjson.dumps(
            {
                "report_version": REPORT_VERSION,
                "file_sha256": self.digest,
                "read_at": self.read_at.isoformat(),
                "outcome": "rejected" if self.refused is not None else "read",
                "content_known": self.known,
                "rows": tally.rows,
                "records": tally.records,
                "wholes": tally.wholes,
                "gathered": tally.gathered,
                "passed_over": dict(sorted(tally.passed_over.items())),
                "sheets_passed_over": dict(sorted(tally.sheets_passed_over.items())),
                "set_aside_count": max(tally.set_aside_count, len(told)),
                "set_aside": [
                    {
                        "sheet": one.sheet,
                        "row": one.row,
                        "column": one.column,
                        "code": one.code,
                        "found": one.found,
                    }
                    for one in told
                ],
            },
            option=orjson.OPT_INDENT_2,
        )

    def as_text(self) -> bytes:
        """The lines for a clerk, in Chinese, as Notepad opens them."""
        tally = self.tally
        if self.refused is not None:
            lines = [f"本文件未能读入：{words_of(self.refused.code)}。", f"说明：{self.refused.found}"]
            lines.append("请改正后将文件重新放入原文件夹。")
        else:
            passed = tally.passed_over.total()
            good = tally.records - tally.set_aside_count
            lines = [
                f"本文件已读入：数据行{tally.rows}，采集{good}，略过{passed}，未能读入{tally.set_aside_count}。"
            ]
            if tally.wholes:
                lines.append(f"其中汇总记录{tally.wholes}条，无问题的{tally.gathered}行并入汇总记录。")
            lines += self._passed_over()
            lines += [_line(one) for one in tally.set_aside[:_LINES]]
            if tally.set_aside_count > _LINES:
                lines.append(f"另有{tally.set_aside_count - _LINES}行未能读入，见同名的.json文件。")
            if tally.set_aside_count:
                lines.append("请改正以上各行，将改正后的表格重新放入原文件夹；已读入的行不会重复登记。")
        return ("\r\n".join(lines) + "\r\n").encode("utf-8-sig")

    def _passed_over(self) -> list[str]:
        words = {**_PASSED_OVER, **(self.words or {})}
        lines = []
        if rows := [
            f"{words.get(why, why)}{count}行" for why, count in sorted(self.tally.passed_over.items())
        ]:
            lines.append(f"略过的行：{'，'.join(rows)}。")
        if sheets := [
            f"{_SHEETS.get(why, why)}{count}张"
            for why, count in sorted(self.tally.sheets_passed_over.items())
        ]:
            lines.append(f"未读的工作表：{'，'.join(sheets)}。")
        return lines


def words_of(code: str) -> str:
    """A code in a clerk's words."""
    return _WORDS.get(Code(code), "无法使用")


def _line(one: SetAside) -> str:
    if one.row == 0:
        return f"第{one.sheet}张工作表未能读入：{words_of(one.code)}。"
    column = f"“{one.column}”列" if one.column else "整行"
    return f"第{one.sheet}张工作表第{one.row}行，{column}：{words_of(one.code)}。"
