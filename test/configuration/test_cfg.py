"""The cfg parser: look-up rules, files, and what makes cached defaults stale."""

from __future__ import annotations

import configparser
import logging
import os
import warnings

import pytest

from luigi_clone.configuration import LuigiConfigParser, add_config_path, get_config
from luigi_clone.configuration.cfg_parser import InterpolationMissingEnvvarError
from luigi_clone.configuration.generation import RESOLUTION


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return get_config()


TEXT = """
[DEFAULT]
base = 1
[s]
a-b = dashed
c_d = 2
number = 5
real = 1.5
yes = Yes
text = abc
joined = %(c_d)s-${JOINED}
missing = ${NOBODY_SETS_THIS}
stray = 50%
"""


@pytest.fixture
def filled(config):
    config.read_string(TEXT)
    return config


def test_a_missing_option_gives_the_default_whatever_its_type(filled):
    marker = object()
    assert filled.get("s", "nope", marker) is marker
    assert filled.get("nowhere", "nope", None) is None
    with pytest.raises(configparser.NoSectionError, match="No section: 'nowhere'"):
        filled.get("nowhere", "nope")
    with pytest.raises(configparser.NoOptionError, match="No option 'no-pe' in section: 's'"):
        filled.get("s", "no_pe")


@pytest.mark.parametrize("spelling", ["a_b", "a-b"])
@pytest.mark.parametrize("look_up", ["get", "has_option"])
def test_a_dashed_option_is_found_with_a_warning(filled, spelling, look_up):
    text = r"Configuration \[s\] a-b \(with dashes\) should be avoided. Please use underscores: a_b."
    with pytest.warns(DeprecationWarning, match=text):
        assert getattr(filled, look_up)("s", spelling) in ("dashed", True)


def test_an_option_with_underscores_is_found_by_dashes_without_a_warning(filled):
    assert filled.get("s", "c-d") == "2"
    assert filled.has_option("s", "c-d")


def test_section_proxies_follow_the_same_rule(filled):
    with pytest.warns(DeprecationWarning, match="with dashes"):
        assert filled["s"]["a_b"] == "dashed"
    assert filled["s"].getint("number") == 5


def test_option_names_are_case_sensitive(filled):
    assert not filled.has_option("s", "TEXT")


@pytest.mark.parametrize("section", [None, ""])
def test_no_section_means_the_defaults(filled, section):
    assert filled.has_option(section, "base")
    assert filled.has_option("s", "base")
    assert not filled.has_option("nowhere", "base")


def test_environment_variables_are_read_at_each_access(filled, monkeypatch):
    monkeypatch.setenv("JOINED", "one")
    assert filled.get("s", "joined") == "2-one"
    before = RESOLUTION.volatile_reads
    monkeypatch.setenv("JOINED", "two")
    assert filled.get("s", "joined") == "2-two"
    assert RESOLUTION.volatile_reads > before


def test_an_environment_variable_that_is_not_set(filled):
    with pytest.raises(InterpolationMissingEnvvarError) as caught:
        filled.get("s", "missing", "default")
    assert isinstance(caught.value, configparser.InterpolationError)
    assert str(caught.value) == (
        "Config refers to a nonexisting environment variable NOBODY_SETS_THIS. "
        "Section [s], option missing=${NOBODY_SETS_THIS}"
    )


def test_a_stray_percent_sign(filled):
    with pytest.raises(configparser.InterpolationSyntaxError):
        filled.get("s", "stray")
    with pytest.raises(ValueError, match="invalid interpolation syntax"):
        filled.set("s", "x", "5%")


def test_typed_getters(filled):
    assert filled.getint("s", "number") == 5
    assert filled.getfloat("s", "real") == 1.5
    assert filled.getboolean("s", "yes") is True
    assert filled.getint("s", "nope", 3) == 3
    assert filled.getint("s", "nope", None) is None
    with pytest.raises(ValueError, match="invalid literal"):
        filled.getint("s", "text", 3)
    with pytest.raises(ValueError, match="Not a boolean: abc"):
        filled.getboolean("s", "text")


@pytest.mark.parametrize(
    ("getter", "default"), [("getint", "3"), ("getfloat", "3"), ("getfloat", True), ("getboolean", 1)]
)
def test_a_default_of_another_type_raises_on_a_miss(filled, getter, default):
    with pytest.raises(configparser.NoOptionError):
        getattr(filled, getter)("s", "nope", default)
    with pytest.raises(configparser.NoSectionError):
        getattr(filled, getter)("nowhere", "nope", default)


def test_keywords_of_configparser(filled, monkeypatch):
    monkeypatch.setenv("JOINED", "x")
    assert filled.get("s", "joined", raw=True) == "%(c_d)s-${JOINED}"
    assert filled.get("s", "q", vars={"q": "v"}) == "v"
    assert filled.get("s", "q", fallback="F") == "F"


def test_a_section_of_integers(config):
    config.read_string("[DEFAULT]\nother=x\n[r]\na=1\nb=2\n")
    assert config.getintdict("r") == {"a": 1, "b": 2}
    assert config.getintdict("nowhere") == {}


def test_set_creates_the_section(config):
    config.set("fresh", "a", "1")
    assert config.get("fresh", "a") == "1"
    with pytest.raises(TypeError, match="option values must be strings"):
        config.set("fresh", "a", 1)


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c.set("s", "x", "1"),
        lambda c: c["s"].__setitem__("x", "1"),
        lambda c: c["s"].update(x="1"),
        lambda c: c.read_string("[s]\nx=1\n"),
        lambda c: c.read_dict({"s": {"x": "1"}}),
        lambda c: c.remove_option("s", "text"),
        lambda c: c.remove_section("s"),
        lambda c: c.add_section("t"),
        lambda c: c.defaults().update(x="1"),
        lambda c: c.defaults().pop("base"),
        lambda c: c.clear(),
        lambda c: c._sections["s"].__delitem__("text"),
        lambda c: c.reload(),
        lambda c: setattr(LuigiConfigParser, "_instance", None),
    ],
)
def test_every_change_makes_resolved_defaults_stale(config, tmp_path, change):
    (tmp_path / "luigi.cfg").write_text("[file]\nx=1\n")
    config.read_string(TEXT)
    before = RESOLUTION.number
    change(config)
    assert RESOLUTION.number > before


def test_reading_makes_nothing_stale(filled):
    before = RESOLUTION.number
    filled.get("s", "text")
    filled.get("s", "nope", 1)
    filled.has_option("nowhere", "x")
    filled.items("e", raw=True) if filled.has_section("e") else filled.sections()
    assert RESOLUTION.number == before


def test_files_override_each_other_by_option(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "luigi.cfg").write_text("[s]\na=1\nb=1\n")
    (tmp_path / "more.cfg").write_text("[s]\nb=2\n")
    config = get_config()
    assert config.get("s", "b") == "1"
    assert add_config_path("more.cfg") is True
    assert (config.get("s", "a"), config.get("s", "b")) == ("1", "2")
    assert LuigiConfigParser._config_paths[-1] == "more.cfg"


def test_reload_keeps_what_was_set(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "luigi.cfg").write_text("[s]\na=1\n")
    config = get_config()
    config.set("s", "b", "3")
    config.set("s", "a", "9")
    assert LuigiConfigParser.reload() == ["luigi.cfg"]
    assert get_config() is config
    assert (config.get("s", "a"), config.get("s", "b")) == ("1", "3")


def test_a_file_that_does_not_exist(config):
    with pytest.warns(UserWarning, match="Config file does not exist: nowhere.cfg"):
        assert add_config_path("nowhere.cfg") is False


def test_a_file_for_another_parser(config, tmp_path):
    (tmp_path / "x.toml").write_text("[s]\na=1\n")
    text = (
        "Config for toml parser added, but used cfg parser. "
        "Set up right parser via env var: export LUIGI_CONFIG_PARSER=toml"
    )
    with pytest.warns(UserWarning, match=text):
        assert add_config_path("x.toml") is True
    assert get_config("toml").get("s", "a") == 1


@pytest.mark.parametrize("extension", ["ini", "conf"])
def test_a_file_for_the_same_parser_under_another_name(config, tmp_path, extension):
    (tmp_path / f"x.{extension}").write_text("[s]\na=1\n")
    with pytest.warns(UserWarning, match=f"Config for {extension} parser added, but used cfg parser"):
        assert add_config_path(f"x.{extension}") is True
    assert get_config().get("s", "a") == "1"


def test_the_old_file_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "client.cfg").write_text("[s]\na=1\n")
    with pytest.warns(DeprecationWarning, match=r"'client.cfg' are deprecated .* Found: \['client.cfg'\]"):
        assert get_config().get("s", "a") == "1"


def test_a_broken_file_is_reported_at_each_use(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "luigi.cfg").write_text("no section\n")
    for _ in range(2):
        with pytest.raises(configparser.MissingSectionHeaderError):
            get_config()


def test_names_of_parsers():
    assert get_config("ini") is get_config("conf") is get_config("cfg") is get_config()
    with pytest.raises(KeyError, match="yaml"):
        get_config("yaml")


def test_what_was_read_is_logged(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "luigi.cfg").write_text("[s]\nsecret=hush\n")
    with caplog.at_level(logging.INFO, "luigi-interface"):
        get_config()
    assert "Loaded ['luigi.cfg']" in caplog.messages


def test_a_file_that_everyone_can_write_is_warned_of(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "luigi.cfg").write_text("[s]\na=1\n")
    os.chmod("luigi.cfg", 0o666)
    get_config()
    assert [r.levelname for r in caplog.records if "luigi.cfg" in r.getMessage()] == ["WARNING"]


def test_a_closed_file_is_not_warned_of(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "luigi.cfg").write_text("[s]\na=1\n")
    os.chmod("luigi.cfg", 0o644)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        get_config()
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING]
