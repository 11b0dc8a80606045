"""Values out of the tree of a file: each is checked where it stands, and what is wrong is noted with its line."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Iterator
from decimal import Decimal
from typing import Any

import yaml

from refusals.problems import Problem
from refusals.yaml_trees import line_of
from tenants.api.bodies import not_known

_AMOUNT = re.compile(r"\d{1,12}(\.\d{1,6})?", re.ASCII)
_NUMBER = re.compile(r"\d{1,12}", re.ASCII)
_TEXT, _BOOL, _NULL = (f"tag:yaml.org,2002:{kind}" for kind in ("str", "bool", "null"))

Named = dict[str, yaml.Node]


class Values:
    """Reads values and collects problems; what it could not read it answers with None or nothing."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def wrong(self, node: yaml.Node, sentence: str) -> None:
        """Note that something at `node` has to be mended."""
        self.problems.append(Problem(line_of(node), sentence))

    def names(self, node: yaml.Node | None, known: Collection[str] | None, kind: str = "field") -> Named:
        """A mapping: its values by name. `known` are the names that there are (None: any); others are refused."""
        if node is None or _is_empty(node):
            return {}
        if not isinstance(node, yaml.MappingNode):
            self.wrong(node, f"Names and values are needed here{_among(known)}.")
            return {}
        found: Named = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.wrong(key, "A name is plain text.")
            elif key.value in found:
                self.wrong(key, f"“{key.value[:100]}” is here twice. Keep one of them.")
            elif known is not None and key.value not in known:
                self.wrong(key, not_known(kind, key.value, list(known)))
            else:
                found[key.value] = value
        return found

    def listed(self, node: yaml.Node | None) -> Iterator[yaml.Node]:
        """The entries of a list."""
        if node is None or _is_empty(node):
            return
        if not isinstance(node, yaml.SequenceNode):
            self.wrong(node, "A list is needed here: each entry on a line that begins with “- ”.")
            return
        yield from node.value

    def text(self, node: yaml.Node | None, longest: int) -> str | None:
        """Text without space around it."""
        if node is None:
            return None
        if not isinstance(node, yaml.ScalarNode):
            self.wrong(node, "Text is needed here.")
            return None
        if node.tag == _NULL:
            return ""
        if node.tag != _TEXT:
            self.wrong(node, f'This is text: put it in quotes, as in "{node.value[:40]}".')
            return None
        text = str(node.value).strip()
        odd = next((sign for sign in text if sign == "\x00" or "\ud800" <= sign <= "\udfff"), None)
        if odd is not None:
            self.wrong(node, f"The character U+{ord(odd):04X} cannot be in it.")
            return None
        if len(text) > longest:
            self.wrong(node, f"This has {len(text):,} characters; {longest:,} is the most.")
            return None
        return text

    def one_of(self, node: yaml.Node | None, among: Collection[str], kind: str) -> str | None:
        """One of the words that there are."""
        text = self.text(node, 100)
        if node is None or text is None:
            return None
        if text not in among:
            self.wrong(node, not_among(kind, text, among))
            return None
        return text

    def flag(self, node: yaml.Node | None) -> bool | None:
        """True or false."""
        if node is None:
            return None
        if not isinstance(node, yaml.ScalarNode) or node.tag != _BOOL:
            self.wrong(node, "This is true or false.")
            return None
        return str(node.value).lower() in ("true", "yes", "on")

    def number(self, node: yaml.Node, most: int) -> int | None:
        """A whole number from 1 to `most`."""
        value = node.value if isinstance(node, yaml.ScalarNode) and node.tag != _TEXT else ""
        if not _NUMBER.fullmatch(value) or not 1 <= int(value) <= most:
            self.wrong(node, f"This is a whole number from 1 to {most:,}, written without signs in between.")
            return None
        return int(value)

    def plain(self, node: yaml.Node) -> Any:
        """A value as JSON has it: a text, a number, true or false, a list of them, or nothing."""
        if isinstance(node, yaml.SequenceNode):
            return [self.plain(each) for each in node.value]
        if not isinstance(node, yaml.ScalarNode):
            self.wrong(node, "A value is needed here.")
            return None
        match node.tag:
            case "tag:yaml.org,2002:null":
                return None
            case "tag:yaml.org,2002:bool":
                return self.flag(node)
            case "tag:yaml.org,2002:int" | "tag:yaml.org,2002:float":
                try:
                    return float(node.value) if "." in node.value else int(node.value)
                except ValueError:
                    self.wrong(node, "This is a number, written with digits alone.")
                    return None
        return self.text(node, 300)

    def amount(self, node: yaml.Node, most: Decimal) -> Decimal | None:
        """Money: digits with at most six behind the point; in quotes or not."""
        value = node.value if isinstance(node, yaml.ScalarNode) else ""
        if not _AMOUNT.fullmatch(value) or Decimal(value) > most:
            self.wrong(node, f"This is an amount from 0 to {most:,} with at most six digits behind the point.")
            return None
        return Decimal(value)

    def moment(self, node: yaml.Node) -> dt.datetime | None:
        """A day or a moment (ISO 8601); a day begins at 0:00 UTC. None for nothing, or for what was wrong."""
        if _is_empty(node):
            return None
        value = node.value if isinstance(node, yaml.ScalarNode) else ""
        try:
            found = dt.datetime.fromisoformat(value.strip())
            return found.astimezone(dt.UTC) if found.tzinfo else found.replace(tzinfo=dt.UTC)
        except (ValueError, OverflowError):  # the latter where it is no day in UTC
            self.wrong(node, "This is a day such as 2027-01-31, or a moment such as 2027-01-31T09:00:00Z.")
            return None


def _is_empty(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == _NULL


def _among(known: Collection[str] | None) -> str:
    return f": {', '.join(known)}" if known else ""


def not_among(kind: str, text: str, among: Collection[str]) -> str:
    """The sentence for a word that is none of those there are."""
    return f"{not_known(kind, text, list(among))}{_other_words(text, among)}"


def _other_words(text: str, among: Collection[str]) -> str:
    """Nothing where the sentence names them already."""
    return "" if "Known are" in not_known("", text, list(among)) else f" There are {', '.join(among)}."
