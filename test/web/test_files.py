"""The files of the page: how browsers keep them."""

from __future__ import annotations

import gzip
import http.client
import re
from urllib.parse import urljoin

import pytest

from luigi_clone._web.page.files import PageFiles
from luigi_clone.scheduler import Scheduler
from test.served import Served

INDEX = "/static/visualiser/index.html"


@pytest.fixture(scope="module")
def served():
    with Served(Scheduler()) as one:
        yield one


def ask(served, path, method="GET", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=20)
    try:
        connection.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def test_the_document_leads_to_what_is_kept_for_ever(served):
    status, headers, page = ask(served, INDEX)
    assert status == 200 and headers["Cache-Control"] == "no-cache"
    named = re.findall(r'(?:href|src)="(\.\./@[^"]+)"', page.decode())
    assert any(name.endswith("main.js") for name in named) and any(name.endswith(".css") for name in named)
    for name in named:
        status, headers, _ = ask(served, urljoin(INDEX, name))
        assert status == 200 and "immutable" in headers["Cache-Control"], name


def test_every_module_finds_those_that_it_names(served):
    page = ask(served, INDEX)[2].decode()
    [main] = re.findall(r'<script type="module" src="([^"]+)"', page)
    seen, waiting = set(), [urljoin(INDEX, main)]
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        status, headers, body = ask(served, path)
        assert status == 200 and headers["Content-Type"].startswith("text/javascript"), path
        waiting += [urljoin(path, name) for name in re.findall(r"from '(\.[^']+)'", body.decode())]
    assert len(seen) > 10


def test_what_is_the_same_is_not_sent_again(served):
    path = "/static/visualiser/icons.svg"
    etag = ask(served, path)[1]["Etag"]
    status, headers, body = ask(served, path, If_None_Match=etag)
    assert (status, body, headers["Etag"]) == (304, b"", etag)
    assert ask(served, path, If_None_Match='"other"')[0] == 200


def test_texts_are_compressed_for_who_takes_it(served):
    _, plain, body = ask(served, INDEX)
    _, packed, squeezed = ask(served, INDEX, Accept_Encoding="gzip, br")
    assert packed["Content-Encoding"] == "gzip" and gzip.decompress(squeezed) == body
    assert plain["Content-Encoding"] is None and plain["Etag"] != packed["Etag"]
    assert "Accept-Encoding" in packed["Vary"] and "Accept-Encoding" in plain["Vary"]
    assert int(packed["Content-Length"]) == len(squeezed)


def test_the_policy_of_pages(served):
    for path in (INDEX, "/static/visualiser/signin.html", "/nothing"):
        headers = ask(served, path)[1]
        assert headers["Content-Security-Policy"] == (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
            "worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        )
        assert headers["X-Content-Type-Options"] == "nosniff" and headers["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/static/",
            "/static/visualiser",
            "/static/visualiser/",
            "/static/package.json",
            "/static/../server.py",
        ),
        *(
            "/static/visualiser/../../server.py",
            "/static/visualiser/%2e%2e/%2e%2e/server.py",
            "/static//etc/passwd",
        ),
        *(
            "/static/@0123456789abcdef/../server.py",
            "/static/@x/visualiser/index.html",
            "/static/visualiser%00",
        ),
    ],
)
def test_nothing_else_is_given_out(served, path):
    assert ask(served, path)[0] in (403, 404)


def test_head_has_the_headers_and_no_body(served):
    status, headers, body = ask(served, INDEX, "HEAD")
    assert (status, body) == (200, b"") and int(headers["Content-Length"]) > 0


def test_a_file_that_changes_has_another_address(tmp_path):
    folder = tmp_path / "visualiser"
    folder.mkdir()
    (folder / "index.html").write_text('<script src="js/a.js"></script><a href="#x">')
    (folder / "a.exe").write_text("no part of a page")
    now = [0.0]
    files = PageFiles(tmp_path, lambda: now[0])
    first = files.find("visualiser/index.html")
    assert f'src="../@{files.digest}/visualiser/js/a.js"'.encode() in first.body and b'"#x"' in first.body
    assert files.find("visualiser/a.exe") is None
    (folder / "b.css").write_text("a {}")
    assert files.find("visualiser/b.css") is None, "looked at a moment ago"
    now[0] = 1.0
    assert files.find("visualiser/b.css").body == b"a {}"
    assert files.find("visualiser/index.html").body != first.body


def test_an_old_address_is_answered_and_not_kept(served):
    status, headers, _ = ask(served, "/static/@0123456789abcdef/visualiser/js/main.js")
    assert status == 200 and headers["Cache-Control"] == "no-cache"
