"""A middle database as provinces keep it, on a real server: the exchange table and the supervision table, XML in GBK in BLOBs."""

import hashlib
from datetime import datetime, timedelta
from xml.sax.saxutils import escape

from hub.clock import COUNTY_ZONE
from tests.db import NOW


def local(moment: datetime) -> str:
    return moment.astimezone(COUNTY_ZONE).strftime("%Y-%m-%d %H:%M:%S")


def xml(fields) -> str:
    inside = "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in fields.items())
    return f"<Data>{inside}</Data>"


class MiddleDatabaseTables:
    def __init__(self, database):
        self.database = database
        blob, moment = (
            ("bytea", "timestamp") if database.dialect == "postgresql" else ("longblob", "datetime")
        )
        database.execute(
            f"CREATE TABLE cityinfo (unid varchar(40), type varchar(8), createtime {moment}, xsdtype varchar(8), copyright varchar(20), "
            f"action varchar(1), fromareacode varchar(12), applyfrom varchar(4), content {blob})",
            "CREATE TABLE supervision_message (SERIAL_ID bigint, MESSAGE_NUM int, TRANSACTION_ID varchar(40), MSG_NAME varchar(40), "
            f"BUSINESS_ID varchar(40), PROCESS_ID varchar(40), XMLBODY {blob}, WARN_REPLYINFO varchar(2000), WARN_REPLYUSER varchar(40), "
            f"REPLY_TIME {moment} NULL, STATUS varchar(8), CREATE_DATE {moment})",
        )
        database.grant("cityinfo", "supervision_message")
        self.sent = 0

    def message(self, kind, action="I", *, minutes_ago=60.0, content=None, **fields):
        self.sent += 1
        body = (
            content
            if content is not None
            else ('<?xml version="1.0" encoding="GBK"?>' + xml(fields)).encode("gbk")
        )
        row = {
            "unid": f"U{self.sent:05d}",
            "type": kind,
            "createtime": local(NOW - timedelta(minutes=minutes_ago)),
            "action": action,
        }
        self.database.insert("cityinfo", [{**row, "applyfrom": "20", "content": body}])

    def event(self, number, *, minutes_ago=60.0, **fields):
        created = local(NOW - timedelta(minutes=minutes_ago))
        told = {
            "warnType": "1",
            "warnLevel": "2",
            "warnReason": "承诺件超过承诺时限1个工作日",
            "occurTime": created,
            **fields,
        }
        inner = "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in told.items())
        check = hashlib.md5(inner.encode("gbk"), usedforsecurity=False).hexdigest()
        head = f"<Head><MsgName>SupervisionWarnInfo</MsgName><Security>{check}</Security></Head>"
        body = f'<?xml version="1.0" encoding="GBK"?><Package>{head}<Body>{inner}</Body></Package>'
        row = {
            "SERIAL_ID": number,
            "BUSINESS_ID": "411521230620000187",
            "PROCESS_ID": "3",
            "STATUS": "000",
            "CREATE_DATE": created,
        }
        self.database.insert("supervision_message", [{**row, "XMLBODY": body.encode("gbk")}])

    def answer(self, number, moment, words="已补登记"):
        self.database.execute(
            f"UPDATE supervision_message SET WARN_REPLYINFO = '{words}', WARN_REPLYUSER = '赵明', REPLY_TIME = '{local(moment)}' "
            f"WHERE SERIAL_ID = {number}"
        )
