"""YAML as a tree whose every value knows its line, of a size that is borne. Nothing is built from it but text.

Anchors, aliases and tags are refused: such a file needs none, and with them a small file can stand for a huge one.
"""

from __future__ import annotations

import yaml

from refusals.problems import FileNotUnderstood, Problem

MOST_BYTES = 1024 * 1024
MOST_VALUES = 100_000
DEEPEST = 12

# The parser in C where PyYAML was built with it: a file of the largest size is read in a blink.
_Loader: type[yaml.CSafeLoader] | type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def tree_of(
    content: bytes | str,
    *,
    empty: str = "The file is empty. Begin with an export of a tenant.",
    names: str = "The file begins with names and values, as in “tenant: acme”.",
) -> yaml.MappingNode:
    """The root of a YAML document of names and values. Raises `FileNotUnderstood`: `empty` is said where there is
    nothing, `names` where there is something else."""
    text = _text_of(content)
    try:
        _refuse_what_grows(text)
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        words = " ".join(str(error.problem or error.context or "this is no YAML").split())
        raise _wrong(f"This is not YAML: {words}.", mark.line + 1 if mark else 0) from error
    except yaml.YAMLError as error:
        raise _wrong("This is not YAML: it holds a character that text does not have.") from error
    if root is None:
        raise _wrong(empty)
    if not isinstance(root, yaml.MappingNode):
        raise _wrong(names, root.start_mark.line + 1)
    return root


def line_of(node: yaml.Node) -> int:
    """The line on which `node` begins, from 1."""
    return int(node.start_mark.line) + 1


def _text_of(content: bytes | str) -> str:
    raw = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
    if len(raw) > MOST_BYTES:
        raise _wrong(f"The file has {len(raw):,} bytes; {MOST_BYTES:,} is the most.")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _wrong("This is not UTF-8. Save the file as UTF-8 and try again.", line) from error


def _refuse_what_grows(text: str) -> None:
    depth = values = 0
    for event in yaml.parse(text, Loader=_Loader):
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _wrong("Anchors and aliases (& and *) are not taken: write the value itself.", line)
        if isinstance(event, yaml.NodeEvent):
            values += 1
            if getattr(event, "tag", None) not in (None, "!"):
                raise _wrong("Tags (!) are not taken: write plain text and numbers.", line)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEEPEST:
            raise _wrong(f"This goes deeper than {DEEPEST} levels; no such file does.", line)
        if values > MOST_VALUES:
            raise _wrong(f"The file has more than {MOST_VALUES:,} values. Take it in parts.", line)


def _wrong(sentence: str, line: int = 0) -> FileNotUnderstood:
    return FileNotUnderstood([Problem(line, sentence)])
