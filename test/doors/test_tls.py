"""TLS: the server's certificate, and certificates of callers."""

from __future__ import annotations

import shutil
import ssl
import subprocess

import pytest

from luigi_clone._web.doors import DoorSettings, SettingError
from luigi_clone._web.doors.tls import make_ssl_context
from luigi_clone.configuration import get_config
from luigi_clone.rpc import RemoteScheduler, RPCError
from test.doors.servers import client_tls, luigid, start
from test.services import require_service


def _openssl(folder, *arguments):
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, timeout=60)


def _certificate(folder, name, ca, *extensions):
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-keyout", f"{name}.key"]
    signed = ["-CA", f"{ca}.pem", "-CAkey", f"{ca}.key"] if ca else []
    _openssl(
        folder,
        *("req", "-x509", *key, "-subj", f"/CN={name}", "-days", "2", "-out", f"{name}.pem", *signed),
        *(word for extension in extensions for word in ("-addext", extension)),
    )


@pytest.fixture(scope="module")
def papers(tmp_path_factory):
    """A folder with certificates: of an authority, a server, a client, and a client of another authority."""
    require_service("openssl", shutil.which("openssl"), "it makes the certificates")
    folder = tmp_path_factory.mktemp("papers")
    for authority in ("ca", "other_ca"):
        _certificate(folder, authority, None, "keyUsage=critical,keyCertSign")
    leaf = "basicConstraints=critical,CA:FALSE"
    _certificate(folder, "server", "ca", leaf, "subjectAltName=DNS:localhost,IP:127.0.0.1")
    _certificate(folder, "client", "ca", leaf)
    _certificate(folder, "stranger", "other_ca", leaf)
    _openssl(folder, "pkey", "-in", "server.key", "-aes128", "-passout", "pass:hunter2", "-out", "locked.key")
    both = (folder / "server.pem").read_text() + (folder / "server.key").read_text()
    (folder / "both.pem").write_text(both)
    return folder


def section(folder, **options):
    return "[tls]\n" + "".join(f"{name}={folder / file}\n" for name, file in options.items())


SERVER = {"certificate": "server.pem", "private_key": "server.key"}


def test_calls_over_tls(papers, tmp_path):
    tls = client_tls(papers / "ca.pem")
    with luigid(tmp_path, section(papers, **SERVER), tls=tls) as running:
        assert running.ask("GET", "/api/is_paused")[0] == 200
        assert running.ask("GET", "/static/visualiser/index.html")[0] == 200
        running._tls = None
        with pytest.raises(OSError):
            running.ask("GET", "/api/is_paused")
        running._tls = client_tls(papers / "other_ca.pem")
        with pytest.raises(ssl.SSLCertVerificationError):
            running.ask("GET", "/api/is_paused")
        running._tls = tls
        tls.maximum_version = ssl.TLSVersion.TLSv1_2
        assert running.ask("GET", "/api/is_paused")[0] == 200


def test_only_callers_with_a_certificate(papers, tmp_path):
    config = section(papers, **SERVER, client_ca="ca.pem")
    own = client_tls(papers / "ca.pem", papers / "client.pem", papers / "client.key")
    with luigid(tmp_path, config, address=None, tls=own) as running:
        assert running.ask("POST", "/api/pause")[0] == 200
        assert "WARNING" not in running.log, "it may listen to others: nobody gets in without a certificate"
        for papers_of in ((), (papers / "stranger.pem", papers / "stranger.key")):
            running._tls = client_tls(papers / "ca.pem", *papers_of)
            with pytest.raises((ssl.SSLError, ConnectionError)):
                running.ask("GET", "/api/is_paused")


def test_our_worker_over_tls_with_a_certificate(papers, tmp_path):
    config = section(papers, **SERVER, client_ca="ca.pem")
    with luigid(tmp_path, config, tls=client_tls(papers / "ca.pem")) as running:
        url = f"https://localhost:{running.port}"
        get_config().set("core", "scheduler_ca_certificate", str(papers / "ca.pem"))
        get_config().set("core", "scheduler_client_certificate", str(papers / "client.pem"))
        get_config().set("core", "scheduler_client_key", str(papers / "client.key"))
        assert RemoteScheduler(url).is_paused() == {"paused": False}
        get_config().set("core", "scheduler_ca_certificate", str(papers / "other_ca.pem"))
        get_config().set("core", "rpc_retry_attempts", "1")
        with pytest.raises(RPCError):
            RemoteScheduler(url).is_paused()


def test_a_key_with_a_password(papers, tmp_path):
    config = section(papers, certificate="server.pem", private_key="locked.key")
    password = {"LUIGI_TLS_KEY_PASSWORD": "hunter2"}
    with luigid(tmp_path, config, tls=client_tls(papers / "ca.pem"), environment=password) as running:
        assert running.ask("GET", "/api/is_paused")[0] == 200
        assert "hunter2" not in running.end()
    running = start(tmp_path, config)
    assert running.process.wait(60) != 0
    log = running.end()
    assert "LUIGI_TLS_KEY_PASSWORD" in log and "Traceback" not in log


def test_key_and_certificate_in_one_file(papers):
    assert make_ssl_context(DoorSettings(certificate=str(papers / "both.pem"))) is not None
    assert make_ssl_context(DoorSettings()) is None


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"certificate": "none.pem"}, "cannot read .*none.pem: No such file"),
        ({"certificate": "server.pem"}, "cannot be used"),
        ({"certificate": "server.pem", "private_key": "client.key"}, "KEY_VALUES_MISMATCH"),
        ({"certificate": "server.key", "private_key": "server.key"}, "cannot be used"),
        ({**SERVER, "client_ca": "none.pem"}, "client_ca: cannot read"),
        ({**SERVER, "client_ca": "server.key"}, "holds no certificates"),
    ],
)
def test_files_that_do_not_fit(papers, files, said):
    settings = DoorSettings(**{name: str(papers / file) for name, file in files.items()})
    with pytest.raises(SettingError, match=said):
        make_ssl_context(settings)


def test_a_wrong_password_of_the_key(papers, monkeypatch):
    monkeypatch.setenv("LUIGI_TLS_KEY_PASSWORD", "hunter3")
    files = {"certificate": str(papers / "server.pem"), "private_key": str(papers / "locked.key")}
    with pytest.raises(SettingError) as raised:
        make_ssl_context(DoorSettings(**files))
    assert "hunter3" not in str(raised.value)
