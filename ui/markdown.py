"""Answers as HTML that is safe whatever a model writes, also while they are still growing.

CommonMark (0.31) with tables and strikethrough by markdown-it-py; raw HTML in the text is shown as text; nh3 then lets
only the tags below through. Images become links, because showing one would fetch it from a foreign host.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

import nh3
from django.templatetags.static import static
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

TAGS = {
    "p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "strong", "em", "s", "code", "pre", "blockquote",
    "ul", "ol", "li", "a", "table", "thead", "tbody", "tr", "th", "td",
}  # fmt: skip
ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}, "code": {"class"}}
MAX_OPEN_BRACKETS = 400

_code_block = re.compile(r'<pre><code(?: class="language-([^"]*)")?>')
_reference = re.compile(r"^ {0,3}\[[^\]\n]+\]:", re.MULTILINE)


class _Renderer(RendererHTML):
    """An image is a link to it; the headings of an answer begin below those of the page."""

    def image(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
        token = tokens[index]
        words = self.renderInlineAsText(token.children, options, env) if token.children else ""
        source = str(token.attrs.get("src", ""))
        return f'<a href="{escape(source)}">{escape(words or source)}</a>'

    def heading_open(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
        return f"<{_lower(tokens[index].tag)}>"

    def heading_close(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
        return f"</{_lower(tokens[index].tag)}>\n"


def _lower(tag: str) -> str:
    return f"h{min(6, int(tag[1]) + 3)}"


_parser = MarkdownIt("commonmark", {"html": False}, renderer_cls=_Renderer).enable(["table", "strikethrough"])


def render(text: str) -> str:
    """`text` as safe HTML."""
    return _safe(_parser.render(text)) if _is_harmless(text) else plain(text)


def _safe(html: str) -> str:
    clean = nh3.clean(
        html,
        tags=TAGS,
        attributes=ATTRIBUTES,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={"a": {"target": "_blank"}},
    )
    return _code_block.sub(_code_head, clean).replace("</code></pre>", "</code></pre></div>")


def _code_head(found: re.Match[str]) -> str:
    language = found.group(1) or ""  # what nh3 let through is escaped already
    sprite = static("vendor/icons.svg")
    return (
        f'<div class="at-code" data-code><div class="at-code-head"><span>{language or "Code"}</span>'
        '<button type="button" class="btn at-btn-quiet at-btn-small" data-copy-code>'
        f'<svg class="at-icon at-icon-small" aria-hidden="true"><use href="{sprite}#copy"></use></svg>'
        "Copy</button></div>"
        '<pre tabindex="0"><code>'
    )


def plain(text: str) -> str:
    """`text` as it stands, for what is not markdown (yet)."""
    return f'<p class="at-plain">{escape(text)}</p>'


class Growing:
    """A text that arrives in pieces: what is complete is rendered once, only its last block again and again.

    A top-level block of CommonMark is closed by the beginning of the next and never changed by what follows (section
    3), except by link references, for which `finish` says that the whole has to be shown anew.
    """

    def __init__(self) -> None:
        self.text = ""
        self._kept_until = 0

    @property
    def open_length(self) -> int:
        """Characters of the block that is rendered again with every piece."""
        return len(self.text) - self._kept_until

    def take(self) -> tuple[str, str]:
        """HTML of the blocks completed since the last time, and HTML of the block that still grows."""
        open_text = self.text[self._kept_until :]
        if not _is_harmless(open_text):
            return "", plain(open_text)
        tokens = _parser.parse(open_text)
        begins = next((i for i in range(len(tokens) - 1, -1, -1) if tokens[i].level == 0 and tokens[i].map), 0)
        first_line = (tokens[begins].map or [0])[0] if tokens else 0
        self._kept_until += sum(len(line) + 1 for line in open_text.split("\n")[:first_line])
        return _html(tokens[:begins]), _html(tokens[begins:])

    def finish(self) -> tuple[str, bool]:
        """HTML of the whole, and whether it differs from what `take` gave piece by piece."""
        return render(self.text), bool(_reference.search(self.text))


def _html(tokens: list[Token]) -> str:
    return _safe(_parser.renderer.render(tokens, _parser.options, {})) if tokens else ""


def _is_harmless(text: str) -> bool:
    """Whether parsing costs about as much as reading: unclosed brackets are looked at again and again."""
    return text.count("[") - text.count("]") < MAX_OPEN_BRACKETS
