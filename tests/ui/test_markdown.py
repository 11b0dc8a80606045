"""Answers as HTML: what is shown, what is made harmless, and that a growing text ends as the whole would."""

from __future__ import annotations

import random
import re
import time

import pytest

from ui.markdown import Growing, render

LONG = """## A heading

Some *text* with `code` and **bold** words
that goes on.

- one
- two
  - nested

```python
for x in y:
    print("<b>", x)

print("after a blank line")
```

| a | b |
|---|---|
| 1 | ~~2~~ |

> a quotation

1. first

   still first
2. second

Setext
======

The end [link](https://example.test/?a=1&b=2).
"""


def test_it_works() -> None:
    html = render(LONG)
    for expected in (
        "<strong>bold</strong>",
        "<li>one</li>",
        "<s>2</s>",
        "<blockquote>",
        "&lt;b&gt;",
        "data-copy-code",
    ):
        assert expected in html


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "![x](https://elsewhere.test/pixel.png)",
        "[x](javascript:alert(1))",
        "[x](  JaVaScRiPt:alert(1))",
        "<javascript:alert(1)>",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        '[x](https://a.test "onmouseover=alert(1) x=")',
        '```"><script>alert(1)</script>\nx\n```',
        "<style>*{display:none}</style>",
        '<hx-partial hx-target="#main" hx-swap="innerHTML">gone</hx-partial>',
        "<iframe src=//elsewhere.test></iframe>",
        "| <b onclick=x> |\n|---|\n| <svg/onload=alert(1)> |",
    ],
)
def test_what_could_act_is_shown_as_text_or_left_out(text: str) -> None:
    for html in (render(text), "".join(_grown(text, 3))):
        tags = set(re.findall(r"<([a-z0-9-]+)", html))
        assert not tags & {"script", "img", "style", "iframe", "hx-partial", "object", "form"}
        for tag in re.findall(r"<[^>]*>", html):
            assert not re.search(r"\son\w+=|javascript:|data:text", tag, re.IGNORECASE), tag


def test_an_image_is_a_link_to_it_so_that_nothing_is_fetched() -> None:
    html = render("![a cat](https://elsewhere.test/cat.png)")
    assert ">a cat</a>" in html
    assert 'rel="noopener noreferrer nofollow"' in html


def _grown(text: str, piece: int) -> tuple[str, str]:
    growing, done, last = Growing(), "", ""
    for start in range(0, len(text), piece):
        growing.text += text[start : start + piece]
        more, last = growing.take()
        done += more
    return done, last


@pytest.mark.parametrize("seed", range(8))
def test_a_text_that_grew_in_pieces_ends_as_the_whole(seed: int) -> None:
    chance = random.Random(seed)
    growing, done, last, at = Growing(), "", "", 0
    while at < len(LONG):
        at += chance.randint(1, 23)
        growing.text = LONG[:at]
        more, last = growing.take()
        done += more
    whole, differs = growing.finish()
    assert not differs
    assert done + last == whole


def test_a_reference_that_comes_late_makes_the_whole_be_shown_anew() -> None:
    growing = Growing()
    growing.text = "See [this].\n\nMore.\n\n[this]: https://example.test/\n"
    growing.take()
    whole, differs = growing.finish()
    assert differs
    assert 'href="https://example.test/"' in whole


@pytest.mark.parametrize(
    "text", ["[" * 30_000, "![[" * 9_000, "[](" * 9_000, "`" * 50_000, "> " * 5_000, "*a " * 20_000]
)
def test_no_text_makes_rendering_slow(text: str) -> None:
    began = time.monotonic()
    render(text)
    assert time.monotonic() - began < 2
