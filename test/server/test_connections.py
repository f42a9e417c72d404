"""Connections that pass the web framework by, and the requests with which they are handed over to it."""

from __future__ import annotations

import http.client
import json
import socket
from contextlib import closing, suppress
from urllib.parse import urlencode

import pytest

from luigi_clone._web import connections
from luigi_clone._web.heads import may_become_call, read
from luigi_clone.scheduler import Scheduler
from test.server.serving import Server

PAUSED = b'{"response": {"paused": false}}'


def request(call="is_paused", body=b"", method="POST", **headers):
    """Return the bytes of a request for a call."""
    lines = {"Host": "localhost", **{name.replace("_", "-"): value for name, value in headers.items()}}
    if body:
        lines.setdefault("Content-Length", str(len(body)))
        lines.setdefault("Content-Type", "application/x-www-form-urlencoded")
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} /api/{call} HTTP/1.1\r\n{head}\r\n".encode() + body


class Raw:
    """A connection on which bytes are sent as they are; answers are read by the standard library."""

    def __init__(self, served):
        self.socket = socket.create_connection(("127.0.0.1", served.names[0][1]), timeout=20)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def answer(self):
        """Return status and body of the next answer; no byte behind it is taken."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = self.socket.recv(1)
            assert byte, head
            head += byte
        self.head = head.decode()
        named = self.head.lower().split("content-length: ")
        length, body = int(named[1].split("\r\n")[0]) if len(named) > 1 else 0, b""
        while len(body) < length:
            body += self.socket.recv(length - len(body))
        return int(head.split()[1]), body

    def is_closed(self):
        """Wait for the end that the server makes."""
        return self.socket.recv(1) == b""


@pytest.fixture
def raw(served):
    with closing(Raw(served)) as one:
        yield one


@pytest.fixture
def handed_over(monkeypatch):
    """Give a list that gets the first bytes of each connection that is handed over."""
    seen = []

    class Begun(connections._Begun):
        def __init__(self, connection, received):
            seen.append(received)
            super().__init__(connection, received)

    monkeypatch.setattr(connections, "_Begun", Begun)
    return seen


def test_requests_that_come_upon_each_other_are_answered_in_their_order(served, raw, handed_over):
    calls = [
        ("pause", b"null"),
        ("is_paused", b'{"paused": true}'),
        ("unpause", b"null"),
        ("is_paused", b'{"paused": false}'),
    ]
    raw.send(b"".join(request(call) for call, _ in calls * 50))
    for _, response in calls * 50:
        assert raw.answer() == (200, b'{"response": ' + response + b"}")
    assert handed_over == []


def test_a_request_may_come_byte_by_byte(served, raw, handed_over):
    body = urlencode({"data": json.dumps({"resource": "gpu", "amount": 3})}).encode()
    for byte in request("update_resource", body) + request():
        raw.send(bytes([byte]))
    assert raw.answer() == (200, b'{"response": true}')
    assert raw.answer() == (200, PAUSED)
    assert served.scheduler.resources()["gpu"]["total"] == 3
    assert handed_over == []


def test_what_is_behind_a_body_is_the_next_request(raw):
    body = urlencode({"data": json.dumps({"resource": "gpu", "amount": 3})}).encode()
    begin = request("update_resource", body)
    raw.send(begin[:-5])
    raw.send(begin[-5:] + request())
    assert [raw.answer()[1], raw.answer()[1]] == [b'{"response": true}', PAUSED]


@pytest.mark.parametrize(
    "strange",
    [
        request(Transfer_Encoding="chunked") + b"0\r\n\r\n",
        request(method="OPTIONS"),
        request(X_Twice="1").replace(b"X-Twice", b"X-Twice: 0\r\nX-Twice"),
        request(Upgrade="websocket"),
        request(X_Name="\x85"),
        request().replace(b"\r\n", b"\n"),
    ],
)
def test_a_request_that_is_not_simple_is_left_to_the_framework(raw, handed_over, strange):
    raw.send(request() + strange)
    assert raw.answer() == (200, PAUSED)
    assert raw.answer()[0] in (200, 204)
    assert handed_over == [strange]
    raw.send(request())
    assert raw.answer() == (200, PAUSED)


@pytest.mark.parametrize(
    "wrong",
    [
        request(body=b"x", Content_Length="-1"),
        request(body=b"x", Content_Length="1, 2"),
        b"POST /api/is_paused HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n",
        b"POST  /api/is_paused HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ],
)
def test_a_request_that_is_wrong_is_refused_by_the_framework(raw, handed_over, wrong):
    raw.send(wrong)
    answer = raw.socket.recv(1000)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400 ")
    assert handed_over == [wrong]


def test_a_folded_header_is_the_affair_of_the_framework(raw, handed_over):
    """Older versions of it take one, newer ones refuse it."""
    folded = request(X_Folded="a\r\n b")
    raw.send(folded)
    assert raw.answer()[0] in (200, 400)
    assert handed_over == [folded]


def test_a_head_without_end_is_left_to_the_framework(raw, handed_over):
    raw.send(b"POST /api/is_paused HTTP/1.1\r\nHost: localhost\r\nX: ")
    raw.send(b"x" * 70_000)
    with suppress(ConnectionResetError):  # there are bytes that nobody reads
        assert raw.is_closed()
    assert len(handed_over) == 1


def test_a_browser_gets_page_and_calls_by_one_connection(served, handed_over):
    connection = http.client.HTTPConnection("127.0.0.1", served.names[0][1], timeout=20)
    with closing(connection):
        paths = ("/api/is_paused", "/api/session", "/nowhere", "/api/is_paused")
        for path, status in zip(paths, (200, 200, 404, 200), strict=True):
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == status
            sock = connection.sock
        assert sock is not None
    assert len(handed_over) == 1


def test_the_connection_is_closed_behind_the_answer_where_the_client_wants_that(raw, handed_over):
    raw.send(request(Connection="close"))
    assert raw.answer() == (200, PAUSED)
    assert "Connection: close" in raw.head
    assert raw.is_closed()
    assert handed_over == []


def test_a_client_that_says_no_more_is_answered(raw):
    raw.send(request())
    raw.socket.shutdown(socket.SHUT_WR)
    assert raw.answer() == (200, PAUSED)
    assert raw.is_closed()


def test_a_client_that_leaves_in_the_middle_of_a_body_is_forgotten(served, raw):
    raw.send(request("pause", b"data=%7B%7D")[:-3])
    raw.socket.shutdown(socket.SHUT_WR)
    assert raw.is_closed()
    assert served.call("is_paused")[2] == PAUSED.decode()


def test_a_large_answer_waits_for_a_slow_reader_and_others_do_not():
    scheduler = Scheduler()
    for number in range(10_000):
        scheduler.add_task(worker="w", task_id=f"T_{number}", family="T", params={"text": "x" * 1000})
    view = urlencode({"data": json.dumps({"status": "PENDING", "upstream_status": "", "limit": False})})
    with Server(scheduler) as served, closing(Raw(served)) as slow, closing(Raw(served)) as other:
        slow.send(request("task_list", view.encode()) + request())
        other.send(request())
        assert other.answer() == (200, PAUSED)
        status, body = slow.answer()
        assert (status, len(json.loads(body)["response"])) == (200, 10_000)
        assert slow.answer() == (200, PAUSED)


def test_a_connection_is_handed_over_when_its_answers_are_sent(handed_over):
    scheduler = Scheduler()
    for number in range(10_000):
        scheduler.add_task(worker="w", task_id=f"T_{number}", family="T", params={"text": "x" * 1000})
    view = urlencode({"data": json.dumps({"status": "PENDING", "upstream_status": "", "limit": False})})
    strange = request(Transfer_Encoding="chunked") + b"0\r\n\r\n"
    with Server(scheduler) as served, closing(Raw(served)) as slow:
        slow.send(request("task_list", view.encode()) + strange)
        assert len(json.loads(slow.answer()[1])["response"]) == 10_000
        assert slow.answer() == (200, PAUSED)
    assert handed_over == [strange]


def test_silent_connections_are_closed(monkeypatch):
    monkeypatch.setattr(connections, "_IDLE", 0.05)
    with Server() as served, closing(Raw(served)) as raw:
        raw.send(request())
        assert raw.answer() == (200, PAUSED)
        assert raw.is_closed()


def test_a_client_that_sends_ahead_without_reading_is_held_up(raw):
    raw.socket.setblocking(False)
    sent, piece = 0, request("is_paused", b"data=" + b"%7B%7D" * 1) * 1000
    with pytest.raises(BlockingIOError):
        while sent < 100_000_000:
            sent += raw.socket.send(piece)


@pytest.mark.parametrize(
    ("begun", "may"),
    [
        (b"P", True),
        (b"POST /api/x HTTP/1.1\r\nHo", True),
        (b"GET /ap", True),
        (b"GET / HTTP", False),
        (b"POST /api/x HTTP/1.1\nHost", False),
        (b"GET /api/" + b"x" * 70_000, False),
    ],
)
def test_what_is_begun_may_become_a_call(begun, may):
    assert may_become_call(begun) is may


def test_names_of_headers_are_found_in_their_usual_spelling():
    head = b'GET /api/x?data=1 HTTP/1.1\r\nhost: h\r\nIF-NONE-MATCH:  "a"\t\r\nSec-fetch-Site: none'
    found = read(head, "1.2.3.4")
    assert found is not None
    asked, length = found
    assert asked.headers == {"Host": "h", "If-None-Match": '"a"', "Sec-Fetch-Site": "none"}
    assert (asked.path, asked.query, asked.remote_ip, length) == ("/api/x", "data=1", "1.2.3.4", 0)
