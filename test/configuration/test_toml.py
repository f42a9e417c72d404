"""The TOML parser: typed values, no conversion, tables as frozen mappings."""

from __future__ import annotations

import datetime
import logging

import pytest

from luigi_clone.configuration import LuigiTomlParser, core, get_config
from luigi_clone.configuration.generation import RESOLUTION
from luigi_clone.freezing import FrozenOrderedDict

TEXT = """
[s]
number = 1
text = "t"
list = [1, 2]
day = 2020-01-01
a-b = 1
[s.sub]
x = 1
[s.sub.deep]
y = 2
"""


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(core, "DEFAULT_PARSER", "toml", raising=False)
    (tmp_path / "luigi.toml").write_text(TEXT)
    return get_config()


def test_values_keep_their_types(config):
    assert isinstance(config, LuigiTomlParser)
    assert config.data["s"]["day"] == datetime.date(2020, 1, 1)
    assert config.get("s", "list") == [1, 2]
    assert config["s"]["text"] == "t"
    assert isinstance(config.get("s", "sub"), FrozenOrderedDict)
    assert isinstance(config.get("s", "sub")["deep"], FrozenOrderedDict)


def test_there_is_no_conversion_and_no_second_spelling(config):
    assert config.getint("s", "text") == "t"
    assert config.getboolean("s", "number") == 1
    assert config.getfloat("s", "nope", "d") == "d"
    assert not config.has_option("s", "a_b")
    with pytest.raises(KeyError):
        config.get("s", "a_b")
    with pytest.raises(KeyError):
        config.get("nowhere", "x")


def test_sections_are_not_listed(config):
    assert config.sections() == []
    assert not config.has_section("s")


def test_a_section_as_a_whole(config):
    assert config.getintdict("s")["number"] == 1
    assert config.getintdict("nowhere") == {}


def test_set_takes_any_value(config):
    config.set("fresh", "x", [1])
    assert config.get("fresh", "x") == [1]


def test_reload_discards_what_was_set_and_returns_the_data(config):
    config.set("s", "number", 9)
    data = LuigiTomlParser.reload()
    assert data["s"]["number"] == 1
    assert get_config() is config


def test_files_override_each_other_by_option(config, tmp_path):
    (tmp_path / "more.toml").write_text("[s]\nnumber = 2\n[s.sub]\nz = 1\n")
    LuigiTomlParser.add_config_path("more.toml")
    assert (config.get("s", "number"), config.get("s", "text")) == (2, "t")
    assert dict(config.get("s", "sub")) == {"z": 1}


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c.set("s", "number", 2),
        lambda c: c.data["s"].update(number=2),
        lambda c: c["s"].pop("number"),
        lambda c: c.data.clear(),
        lambda c: setattr(c, "data", {}),
        lambda c: c.reload(),
    ],
)
def test_every_change_makes_resolved_defaults_stale(config, change):
    before = RESOLUTION.number
    change(config)
    assert RESOLUTION.number > before


def test_an_option_outside_of_any_section(config, tmp_path):
    (tmp_path / "top.toml").write_text("top = 1\n")
    with pytest.raises(AttributeError, match=r"top.toml: 'top' stands outside of any \[section\]"):
        config.read(["top.toml"])


def test_a_syntax_error_names_the_file(config, tmp_path):
    (tmp_path / "bad.toml").write_text("[s\n")
    with pytest.raises(ValueError, match=r"^bad.toml: "):
        config.read(["bad.toml"])


def test_the_log_shows_files_and_no_values(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "luigi.toml").write_text("[s]\npassword = 'hush'\n")
    with caplog.at_level(logging.INFO, "luigi-interface"):
        LuigiTomlParser.instance()
    assert "Loaded ['luigi.toml']" in caplog.messages
    assert "hush" not in caplog.text
