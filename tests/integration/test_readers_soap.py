"""A SOAP service over real HTTP: what is sent, what a fault means, and when a call is made again."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from pydantic import ValidationError

from hub.clock import ManualClock
from hub.county.loopback import LoopbackServer, QuietHandler
from hub.errors import Code, ConfigError, HubError, SourceContractError, SourceUnavailable
from hub.sdk.readers.http import HttpReader
from hub.sdk.readers.soap import SoapOperation, SoapService
from hub.sdk.readers.xml import XmlRecord, parse_xml
from hub.testing.factories import NOW, channel_context

AT = ("Envelope", "Body", "*", "Order")
LIST = SoapOperation(
    path="/services/OrderService",
    action="urn:queryOrders",
    body='<q:query xmlns:q="urn:q"><page>${page}</page><since>${since}</since></q:query>',
)
GOOD = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><r><Order><工单编号>1</工单编号></Order></r></s:Body>'
    "</s:Envelope>"
)
FAULT = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault><faultcode>s:{}</faultcode>'
    "<faultstring>x</faultstring></s:Fault></s:Body></s:Envelope>"
)


class Service:
    """Answers from a script of (status, body); the last one for ever."""

    def __init__(self, *answers: tuple[int, str]) -> None:
        self.answers = list(answers)
        self.requests: list[tuple[dict[str, str], bytes]] = []


@contextmanager
def serving(*answers: tuple[int, str]) -> Iterator[tuple[Service, SoapService, ManualClock]]:
    service = Service(*answers)

    class Handler(QuietHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            service.requests.append((dict(self.headers), body))
            status, text = service.answers.pop(0) if len(service.answers) > 1 else service.answers[0]
            self.send(status, text.encode(), "text/xml;charset=UTF-8")

    clock = ManualClock(NOW)
    with LoopbackServer(Handler) as http, HttpReader(http.url, channel_context(clock=clock)) as reader:
        yield service, SoapService(reader), clock


def records(soap: SoapService, **values: str):
    return soap.records(LIST, {"page": "1", "since": "", **values}, at=AT, label="page 1")


def error_of(soap: SoapService) -> HubError:
    with pytest.raises(HubError) as caught:
        records(soap)
    return caught.value


def test_the_request_carries_its_values_escaped_and_its_action():
    with serving((200, GOOD)) as (service, soap, _):
        found = records(soap, since='<a> & "b" ${page} \x0b')

    ((headers, body),) = service.requests
    root = parse_xml(body.decode())
    assert XmlRecord(found.raw[0]).text("工单编号") == "1"
    assert [element.text for element in root.iter("page", "since")] == ["1", '<a> & "b" ${page} ']
    assert headers["SOAPAction"] == '"urn:queryOrders"'
    assert headers["Content-Type"] == "text/xml; charset=UTF-8"


def test_soap_1_2_carries_its_action_in_the_content_type():
    operation = LIST.model_copy(update={"version": "1.2", "charset": "gbk"})
    with serving((200, GOOD)) as (service, soap, _):
        soap.records(operation, {"page": "一", "since": "𠮷"}, at=AT)

    ((headers, body),) = service.requests
    assert headers["Content-Type"] == 'application/soap+xml; charset=GBK; action="urn:queryOrders"'
    assert "SOAPAction" not in headers
    assert "<page>一</page>".encode("gbk") in body
    assert b"&#134071;" in body


def test_a_fault_in_http_500_that_blames_the_caller_is_told_at_once():
    with serving((500, FAULT.format("Client"))) as (service, soap, _):
        error = error_of(soap)

    assert isinstance(error, SourceContractError)
    assert error.code is Code.SOURCE_ENVELOPE
    assert len(service.requests) == 1


def test_a_fault_of_the_server_is_tried_again():
    with serving((500, FAULT.format("Server")), (200, GOOD)) as (service, soap, clock):
        assert records(soap).raw

    assert len(service.requests) == 2
    assert clock.slept


def test_a_fault_that_stays_is_a_source_that_is_away():
    with serving((500, FAULT.format("Server"))) as (service, soap, _):
        error = error_of(soap)

    assert isinstance(error, SourceUnavailable)
    assert error.code is Code.SOURCE_ENVELOPE
    assert len(service.requests) == 5


def test_http_500_without_a_fault_is_a_server_in_trouble():
    with serving((500, "<html>Tomcat</html>")) as (_, soap, _):
        assert error_of(soap).code is Code.SOURCE_STATUS


def test_a_call_that_changes_something_is_not_made_twice_when_it_may_have_arrived():
    with serving((502, "")) as (service, soap, _), pytest.raises(SourceUnavailable):
        soap.call(LIST, {"page": "1", "since": ""}, lambda body: body)

    assert len(service.requests) == 1


def test_a_template_that_names_an_unknown_value_says_which():
    with serving((200, GOOD)) as (_, soap, _), pytest.raises(ConfigError, match=r"\$\{since\}"):
        soap.records(LIST, {"page": "1"}, at=AT)


@pytest.mark.parametrize(
    "wrong",
    [{"body": "<a>"}, {"body": ""}, {"body": "<!DOCTYPE a><a/>"}, {"action": 'a"b'}, {"action": "a\r\nX: y"}],
)
def test_an_operation_that_cannot_be_sent_is_refused(wrong):
    with pytest.raises(ValidationError):
        SoapOperation.model_validate({"body": "<a/>", **wrong})
