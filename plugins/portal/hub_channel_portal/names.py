"""What the portal calls the members of a reply, in the manner of its list: pinyin initials."""

from __future__ import annotations

from collections.abc import Mapping

# A name of ours (of `hub.sdk.replies.CheckedReply`) -> the member.
REPLY: Mapping[str, str] = {
    "key": "hfbh",  # 回复编号
    "number": "zxbh",  # 咨询编号
    "title": "czmc",  # 操作名称
    "at": "czsj",  # 操作时间
    "reason": "yy",  # 原因
    "until": "yqz",  # 延期至
    "public_reply": "dfnr",  # 公开答复内容
    "handling": "blqk",  # 办理情况
    "is_true": "sfss",  # 是否属实
    "is_solved": "sfjj",  # 是否解决
}
