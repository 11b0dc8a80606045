"""Read a model card: YAML between two lines of `---`, then Markdown in sections.

The names and shapes of the metadata are those of the common model-card metadata (huggingface/hub-docs, `modelcard.md`).
What is not among them is kept as it stands. Text is normalised once, and from then on every byte of it stays.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import yaml
from markdown_it import MarkdownIt

from catalog.cards.metadata import read_metadata
from catalog.cards.parts import PARTS, part_of
from refusals.problems import FileNotUnderstood, Problem
from refusals.yaml_trees import tree_of

MOST_BYTES = 512 * 1024
FENCE = "---"
FIELD = "text"

_comment = re.compile(r"<!--.*?-->", re.DOTALL)
_nothing = re.compile(r"\[?\s*more information needed\s*\]?", re.IGNORECASE)
_headings = MarkdownIt("commonmark", {"html": True})  # read, not shown: what a comment holds is no heading


@dataclass(frozen=True)
class Section:
    """A heading of the body and where its text stands: lines of the body from 0, `ends` not among them."""

    level: int
    heading: str
    heading_line: int
    begins: int
    ends: int


@dataclass(frozen=True)
class Result:
    """One figure of an evaluation, as `model-index` states it."""

    task: str
    dataset: str
    metric: str
    value: Any


@dataclass(frozen=True)
class Card:
    """A card as it was read. `front` is its YAML as it stands, without the fences; `body` the Markdown after it."""

    text: str
    front: str
    body: str
    metadata: Mapping[str, Any]

    @cached_property
    def lines(self) -> list[str]:
        """The lines of the body."""
        return self.body.split("\n")

    @cached_property
    def sections(self) -> list[Section]:
        """Every heading of the body in order, each with its own text: that before the next heading of any level."""
        found: list[tuple[int, str, int, int]] = []
        tokens = _headings.parse(self.body)
        for place, token in enumerate(tokens):
            if token.type == "heading_open" and token.level == 0 and token.map:
                found.append((int(token.tag[1]), tokens[place + 1].content, token.map[0], token.map[1]))
        ends = [*(heading_line for _, _, heading_line, _ in found[1:]), len(self.lines)][: len(found)]
        return [Section(*each, end) for each, end in zip(found, ends, strict=True)]

    def section_of(self, key: str) -> Section | None:
        """The section that holds a part, with what stands below it and is of no other part; None where there is none.
        Of several the first that says something."""
        own = [self._whole(place) for place, each in enumerate(self.sections) if part_of(each.heading) == key]
        return next((each for each in own if says_something(self._text(each))), own[0] if own else None)

    def part(self, key: str) -> str:
        """What the card says of a part, as Markdown; empty where it says nothing."""
        found = self.section_of(key)
        text = self._text(found).strip("\n") if found else ""
        return text if says_something(text) else ""

    @cached_property
    def results(self) -> list[Result]:
        """The figures of `model-index`."""
        return [
            Result(_named(each.get("task")), _named(each.get("dataset")), _named(metric), metric.get("value"))
            for model in self.metadata.get("model-index", [])
            for each in model.get("results", [])
            for metric in each.get("metrics", [])
        ]

    @property
    def gaps(self) -> list[str]:
        """What a card should say and this one does not, in words."""
        missing = [part.gap for part in PARTS if not self._says(part.key)]
        return missing if self.metadata.get("license") else [*missing, "no licence"]

    def _says(self, key: str) -> bool:
        return bool(self.part(key) or (key == "evaluation_results" and self.results))

    def _whole(self, place: int) -> Section:
        first = self.sections[place]
        below = self.sections[place + 1 :]
        end = next((each for each in below if each.level <= first.level or part_of(each.heading)), None)
        return Section(
            first.level, first.heading, first.heading_line, first.begins, end.heading_line if end else len(self.lines)
        )

    def _text(self, section: Section) -> str:
        return "\n".join(self.lines[section.begins : section.ends])


NO_CARD = Card("", "", "", {})  # what the first edition is written on


def says_something(markdown: str) -> bool:
    """Whether a text holds more than comments, headings and the template's own “More Information Needed”."""
    bare = _nothing.sub("", _comment.sub("", markdown))
    return any(line.strip() and not line.lstrip().startswith("#") for line in bare.split("\n"))


def normalised(content: bytes | str) -> str:
    """The text as it is kept: UTF-8 without a mark, lines that end with \\n, one such end after the last.

    Raises `FileNotUnderstood`.
    """
    raw = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
    if len(raw) > MOST_BYTES:
        raise _wrong(f"A card has at most {MOST_BYTES // 1024:,} KiB; this one has {len(raw) // 1024:,}.")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _wrong("This is not UTF-8. Save the file as UTF-8 and try again.", line) from error
    if "\x00" in text:
        line = text.count("\n", 0, text.index("\x00")) + 1
        raise _wrong("A card is text; this holds a character that text does not have.", line)
    return text.replace("\r\n", "\n").replace("\r", "\n").rstrip() + "\n"


def read(content: bytes | str) -> Card:
    """The card that `content` is. Raises `FileNotUnderstood` with every problem and its line."""
    text = normalised(content)
    if not text.strip():
        raise _wrong("There is nothing in it. Paste a card, or begin with the parts one by one.")
    lines = text.split("\n")
    if lines[0].rstrip() != FENCE:
        return Card(text, "", text, {})
    end = next((place for place, line in enumerate(lines[1:], 1) if line.rstrip() in (FENCE, "...")), None)
    if end is None:
        raise _wrong("The YAML that begins here does not end: put a line of --- after it.", 1)
    front = "\n".join(lines[1:end])
    return Card(text, front, "\n".join(lines[end + 1 :]), read_metadata(_tree(front)))


def _tree(front: str) -> yaml.MappingNode | None:
    """The front matter as a tree; problems are told by the lines of the whole card."""
    if not front.strip() or all(not line.strip() or line.lstrip().startswith("#") for line in front.split("\n")):
        return None
    try:
        return tree_of(front, names="The YAML before the text holds names and values, as in “license: apache-2.0”.")
    except FileNotUnderstood as wrong:
        raise FileNotUnderstood(
            [Problem(each.line + 1 if each.line else 1, each.sentence) for each in wrong.problems], field=FIELD
        ) from wrong


def _named(said: Any) -> str:
    if isinstance(said, Mapping):
        return str(said.get("name") or said.get("type") or "")
    return str(said or "")


def _wrong(sentence: str, line: int = 0) -> FileNotUnderstood:
    return FileNotUnderstood([Problem(line, sentence)], field=FIELD)
