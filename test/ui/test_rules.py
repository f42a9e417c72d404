"""What holds for the files of the page: contrast, safety, one place that asks the scheduler."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import luigi_clone

ROOT = Path(luigi_clone.__file__).parent / "static" / "visualiser"
SCRIPTS = sorted(ROOT.glob("js/**/*.js"))
PAGES = sorted(ROOT.glob("*.html"))
STYLES = sorted(ROOT.glob("css/*.css"))
TOKENS = (ROOT / "css" / "tokens.css").read_text(encoding="utf-8")


def code_of(script: Path) -> str:
    """Return a script without its comments."""
    text = re.sub(r"/\*.*?\*/", "", script.read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE)


# -- contrast


def colours() -> dict[str, tuple[str, str]]:
    """Return the colours of the light and the dark theme by name."""
    found = re.findall(r"--([\w-]+): light-dark\((#[0-9A-Fa-f]{6}), (#[0-9A-Fa-f]{6})\)", TOKENS)
    return {name: (light, dark) for name, light, dark in found}


def luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def mixed(colour: str, share: float, ground: str) -> str:
    """Return what ``color-mix(in srgb, colour share, ground)`` makes."""
    channels = [
        round(share * int(colour[place : place + 2], 16) + (1 - share) * int(ground[place : place + 2], 16))
        for place in (1, 3, 5)
    ]
    return "#{:02x}{:02x}{:02x}".format(*channels)


STATES = sorted(name for name in colours() if name.startswith("st-"))
PAIRS = [
    *(("text", ground, 4.5) for ground in ("page", "surface", "raised", "sunken", "hover", "accent-tint")),
    *(("text-2", ground, 4.5) for ground in ("page", "surface", "raised", "sunken", "accent-tint")),
    *(("text-3", ground, 4.5) for ground in ("page", "surface", "raised", "sunken")),
    *(("accent", ground, 4.5) for ground in ("page", "surface", "raised", "sunken", "accent-tint")),
    ("on-accent", "accent", 4.5),
    ("ctl-line", "surface", 3),
    ("ctl-line", "page", 3),
    ("full", "surface", 3),
    ("full", "sunken", 3),
    *((state, ground, 4.5) for state in STATES for ground in ("page", "surface", "accent-tint")),
]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("front", "ground", "least"), PAIRS)
def test_contrast(front, ground, least, theme):
    of = colours()
    assert contrast(of[front][theme], of[ground][theme]) >= least


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("state", STATES)
def test_word_of_a_state_on_its_own_tint(state, theme):
    of = colours()
    colour = of[state][theme]
    assert contrast(colour, mixed(colour, 0.11, of["surface"][theme])) >= 4.5


def test_nine_states_have_a_colour_of_their_own():
    assert len(STATES) == 9
    assert len({colours()[state] for state in STATES}) == 9


# -- safety


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_script_or_style_stands_in_a_page(page):
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", text)
    assert all(re.search(r"\ssrc=", tag) for tag in re.findall(r"<script[^>]*>", text))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_loads_is_relative_and_there(page):
    for address in re.findall(r'(?:src|href)="([^"#]+)', page.read_text(encoding="utf-8")):
        if address.startswith("../../api/"):
            continue
        assert (ROOT / address).is_file(), address


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_data_enter_the_page_as_text_only(script):
    code = code_of(script)
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", code
    )
    assert "setAttribute('style'" not in code


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_one_module_talks_to_the_scheduler(script):
    talks = re.search(r"\bfetch\(|XMLHttpRequest|new EventSource|sendBeacon|WebSocket", code_of(script))
    assert bool(talks) == (script.relative_to(ROOT).as_posix() == "js/api.js")


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.name)
def test_styles_load_nothing_from_elsewhere(style):
    assert not re.search(r"@import|url\([\"']?(?:https?:)?//", style.read_text(encoding="utf-8"))


# -- the palette of the page


def test_red_means_failed_and_nothing_else():
    red = r"var\(--st-failed\)"
    allowed = re.compile(r"\.exc|\.tb|\.log|\.err|\.bad|\.under|\.e\.bad|--c: ")
    for style in STYLES:
        text = re.sub(r"/\*.*?\*/", "", style.read_text(encoding="utf-8"), flags=re.DOTALL)
        for selector, body in re.findall(r"([^{}]+)\{([^{}]*)\}", text):
            if re.search(red, body):
                assert allowed.search(selector) or "--c: " in body, (style.name, selector.strip())


def test_each_state_has_an_icon_a_colour_and_a_word():
    words = (ROOT / "js" / "words.js").read_text(encoding="utf-8")
    states = re.findall(r"'(\w+)'", re.search(r"GROUPS = \{(.*?)\};", words, re.DOTALL).group(1))
    assert len(states) == len(set(states)) == 12
    sprite = (ROOT / "icons.svg").read_text(encoding="utf-8")
    for state in states:
        assert f'id="s-{state}"' in sprite
        assert re.search(rf"\.s-{state}\b[^{{]*\{{ --c: var\(--st-", TOKENS)
        assert re.search(rf"\b{state}: '[A-Z]", words)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_icons_that_are_named_are_in_the_sprite(script):
    sprite = set(re.findall(r'<symbol id="([^"]+)"', (ROOT / "icons.svg").read_text(encoding="utf-8")))
    code = code_of(script)
    named = set(re.findall(r"icons\.svg#([\w-]*\w)\b(?!-)", code)) | set(
        re.findall(r"icon(?:\(|: )'([\w-]+)'", code)
    )
    assert named <= sprite


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_words_are_plain(script):
    texts = re.findall(r"'([^'\n]*)'|`([^`]*)`", code_of(script))
    said = [text for pair in texts for text in pair if " " in text]
    avoided = r"(?i)\b(oops|please|successfully|an error occurred|are you sure)\b|!$"
    assert not [text for text in said if re.search(avoided, text)]
