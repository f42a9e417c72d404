"""What is read of answers without the standard library is what that reads of them."""

from __future__ import annotations

import http.client
import socket
import threading
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luigi_clone._client.exchange import receive, send

_LINES = [
    b"Content-Type: application/json",
    b"luigi-lease:  7\t",
    b"Luigi-New-Worker: 1",
    b"X: a",
    b"x: b",
    b"X-Folded: one\r\n two",
    b"X-Latin: \xe9",
    b"Connection: close",
    b"Connection: Keep-Alive",
    b"no colon",
]


def _answered(answer, pieces, read):
    """Return what ``read`` makes of an answer that comes in pieces, and then the end."""
    ours, theirs = socket.socketpair()
    connection = http.client.HTTPConnection("h")
    with closing(theirs), closing(ours):
        connection.sock = ours
        ours.settimeout(10)

        def speak():
            begin = 0
            for end in [*sorted(pieces), len(answer)]:
                theirs.sendall(answer[begin:end])
                begin = max(begin, end)
            theirs.shutdown(socket.SHUT_WR)

        speaker = threading.Thread(target=speak)
        speaker.start()
        try:
            return read(connection)
        except (http.client.HTTPException, OSError) as error:
            return type(error)
        finally:
            speaker.join()


def _by_us(connection):
    answer, closes = receive(connection, "POST")
    return answer.status, answer.reason, _known(answer.headers), answer.body, closes


def _by_library(connection):
    response = http.client.HTTPResponse(connection.sock, method="POST")
    try:
        response.begin()
        body = response.read()
    finally:
        response.close()
    return response.status, response.reason, _known(response.headers), body, response.will_close


def _known(headers):
    return [headers.get(name) for name in ("Content-Type", "LUIGI-LEASE", "Luigi-New-Worker", "x")]


def _same(answer, pieces=()):
    expected = _answered(answer, pieces, _by_library)
    assert _answered(answer, pieces, _by_us) == expected
    return expected


@given(
    status=st.sampled_from([b"200 OK", b"200 ", b"404 Not Found", b"204 No Content", b"200"]),
    version=st.sampled_from([b"HTTP/1.1", b"HTTP/1.0", b"HTTP/9", b"nonsense"]),
    lines=st.lists(st.sampled_from(_LINES), max_size=5),
    end=st.sampled_from([b"\r\n", b"\n"]),
    length=st.sampled_from([0, 0, 0, -1, None]),
    body=st.binary(max_size=50),
    times=st.sampled_from([1, 4_000]),
    pieces=st.lists(st.integers(0, 300), max_size=3),
)
def test_any_answer_is_read_as_the_standard_library_reads_it(
    status, version, lines, end, length, body, times, pieces
):
    body *= times
    if length is not None:
        # with one more than there is, the answer ends too early
        lines = [*lines, b"Content-Length: %d" % (len(body) - length)]
    answer = end.join([version + b" " + status, *lines, b"", b""]) + body
    _same(answer, [min(piece, len(answer)) for piece in pieces])


def test_body_in_chunks():
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    assert _same(answer, [60])[3] == b"abc"


def test_answer_after_a_word_that_there_will_be_one():
    answer = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
    assert _same(answer)[3] == b"hi"


def test_connection_is_not_used_again_after_more_than_was_announced():
    status, _, _, body, closes = _answered(
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1", (), _by_us
    )
    assert (status, body, closes) == (200, b"hi", True)


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi"]
)
def test_end_before_the_answer_is_whole_is_told_as_the_standard_library_does(answer):
    expected = _same(answer)
    assert isinstance(expected, type) or expected[3] == b""


def _sent(request, **address):
    ours, theirs = socket.socketpair()
    connection = http.client.HTTPConnection(**address)
    with closing(theirs), closing(ours):
        connection.sock = ours
        request(connection)
        ours.shutdown(socket.SHUT_WR)
        head, _, body = b"".join(iter(lambda: theirs.recv(65536), b"")).partition(b"\r\n\r\n")
        first, *lines = head.split(b"\r\n")
        return first, sorted(lines), body


@pytest.mark.parametrize("body", [None, b"", b"data=%7B%7D"])
@pytest.mark.parametrize(
    "address", [{"host": "h"}, {"host": "h", "port": 8082}, {"host": "::1", "port": 8082}, {"host": "[::1]"}]
)
@pytest.mark.parametrize("headers", [{}, {"Accept-Encoding": "gzip", "Authorization": "Bearer t"}])
def test_a_request_is_that_of_the_standard_library(address, body, headers):
    method = "GET" if body is None else "POST"
    expected = _sent(lambda connection: connection.request(method, "/a?b", body, headers), **address)
    assert _sent(lambda connection: send(connection, method, "/a?b", body, headers), **address) == expected


@pytest.mark.parametrize(
    ("target", "headers"), [("/a b", {}), ("/a\r\nX: y", {}), ("/", {"X": "a\r\nY: b"}), ("/", {"X\n": "a"})]
)
def test_nothing_slips_into_a_request(target, headers):
    with pytest.raises((ValueError, http.client.InvalidURL)):
        _sent(lambda connection: send(connection, "POST", target, b"", headers), host="h")
