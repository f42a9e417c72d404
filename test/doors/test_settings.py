"""What ``[auth]``, ``[tls]`` and ``[limits]`` mean, and what is refused at the start."""

from __future__ import annotations

import pytest

from luigi_clone._web.doors import Doors, DoorSettings, SettingError, listen_addresses
from luigi_clone._web.doors.settings import read_settings
from luigi_clone._wire.roles import Role
from luigi_clone.configuration.cfg_parser import LuigiConfigParser
from luigi_clone.configuration.toml_parser import LuigiTomlParser
from test.doors.asking import doors

A, B, C = "a" * 16, "b" * 16, "c" * 16
SECRET = "hunter2-hunter2-hunter2"


def cfg(text):
    parser = LuigiConfigParser()
    parser.read_string(text)
    return parser


def test_a_server_without_options_has_none():
    assert read_settings(cfg(""), {}) == DoorSettings()


@pytest.mark.parametrize("written", [f"{A},{B}", f"{A} {B}", f"{A}\n  {B}", f'["{A}", "{B}"]'])
def test_several_tokens_of_a_role(written):
    assert read_settings(cfg(f"[auth]\nworker_tokens={written}"), {}).tokens == {
        A: Role.WORKER,
        B: Role.WORKER,
    }


def test_tokens_come_from_option_file_and_environment(tmp_path):
    file = tmp_path / "tokens"
    file.write_text(f"# old\n{A}\n\n  {B}  \n")
    file.chmod(0o600)
    settings = read_settings(
        cfg(f"[auth]\nread_tokens_file={file}\nread_tokens={C}"),
        {"LUIGI_AUTH_ADMIN_TOKENS": "d" * 16, "LUIGI_AUTH_READ_TOKENS": "e" * 16},
    )
    read = dict.fromkeys([A, B, C, "e" * 16], Role.READ)
    assert settings.tokens == {**read, "d" * 16: Role.ADMIN}
    assert settings.notes == ()
    file.chmod(0o644)
    assert "chmod 600" in read_settings(cfg(f"[auth]\nread_tokens_file={file}"), {}).notes[0]


def test_toml_has_lists(tmp_path):
    file = tmp_path / "luigi.toml"
    file.write_text(f'[auth]\nadmin_tokens = ["{A}", "{B}"]\n[limits]\nrequests_per_second = 5\n')
    parser = LuigiTomlParser()
    parser.read([file])
    settings = read_settings(parser, {})
    assert settings.tokens == {A: Role.ADMIN, B: Role.ADMIN}
    assert settings.requests_per_second == 5


def _bad(text, variables=None):
    with pytest.raises(SettingError) as raised:
        read_settings(cfg(text), variables or {})
    assert SECRET not in str(raised.value)
    assert raised.value.__suppress_context__ or raised.value.__context__ is None
    return str(raised.value)


def test_what_cannot_be_a_token_is_refused_without_being_shown():
    assert "at least 16" in _bad("[auth]\nread_tokens=hunter2")
    assert "blanks" in _bad(f'[auth]\nread_tokens=["{SECRET} {SECRET}"]')
    assert "ASCII" in _bad(f"[auth]\nread_tokens={SECRET}é")
    assert "two" in _bad(f"[auth]\nread_tokens={SECRET}\nadmin_tokens={SECRET}")
    assert "%%" in _bad(f"[auth]\nread_tokens=%({SECRET}")
    assert "JSON" in _bad(f"[auth]\nread_tokens=[{SECRET}")


def test_a_missing_secret_does_not_open_the_door(tmp_path):
    """Each of these is a token that somebody meant to give."""
    empty = tmp_path / "empty"
    empty.write_text("# nothing yet\n")
    assert "empty" in _bad("[auth]\nworker_tokens=")
    assert "set but empty" in _bad("", {"LUIGI_AUTH_WORKER_TOKENS": " "})
    assert "no token in" in _bad(f"[auth]\nworker_tokens_file={empty}")
    assert "No such file" in _bad(f"[auth]\nworker_tokens_file={tmp_path}/none")


def test_other_values_that_make_no_sense():
    assert "none, read, worker or admin" in _bad("[auth]\nanonymous=boss")
    assert "not negative" in _bad("[limits]\nrequests_per_second=-1")
    assert "not negative" in _bad("[limits]\nwrong_tokens_per_minute=many")
    assert "certificate is missing" in _bad("[tls]\nclient_ca=/ca.pem")
    assert "certificate is missing" in _bad("[tls]\nprivate_key=/key.pem")


TOKEN = f"[auth]\nworker_tokens={A}\n"
CLIENT_CA = "[tls]\ncertificate=c\nclient_ca=ca"


@pytest.mark.parametrize(
    ("text", "address", "expected"),
    [
        ("", None, ("127.0.0.1", "::1")),
        ("", "0.0.0.0", ("0.0.0.0",)),
        (TOKEN, None, (None,)),
        (TOKEN, "127.0.0.1", ("127.0.0.1",)),
        (TOKEN + "anonymous=read", None, (None,)),
        ("[auth]\nanonymous=read", None, ("127.0.0.1", "::1")),
        (CLIENT_CA, None, (None,)),
    ],
)
def test_where_to_listen(text, address, expected):
    assert listen_addresses(cfg(text), address) == expected


@pytest.mark.parametrize(
    ("text", "on_loopback", "given", "expected"),
    [
        ("", True, False, "on this machine only"),
        ("", True, True, None),
        ("", False, True, "ANYONE"),
        (TOKEN, False, False, None),
        (TOKEN, True, True, None),
        (TOKEN + "anonymous=read", False, False, "the role read"),
        (CLIENT_CA, False, False, None),
    ],
)
def test_warnings(text, on_loopback, given, expected):
    told = Doors.from_config(cfg(text), on_loopback, address_is_given=given).warnings()
    assert len(told) == (expected is not None)
    assert expected is None or expected in told[0]


def test_the_one_warning_says_how_to_open():
    (told,) = doors(address_is_given=False).warnings()
    assert "--address" in told and "LUIGI_AUTH_WORKER_TOKENS" in told and "worker_tokens" in told
