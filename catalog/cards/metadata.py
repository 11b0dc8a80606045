"""What the YAML of a model card says, as plain values, and what is wrong with it, each with its line in the card.

Plain scalars become numbers and truth values only where they are written so in JSON: `no` is a language, not a refusal.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import yaml

from refusals.problems import FileNotUnderstood, Problem

FIELD = "text"
TEXTS = ("license_name", "license_link", "library_name", "pipeline_tag", "model_name", "thumbnail")
TEXTS_OR_LISTS = ("license", "language", "base_model", "tags", "datasets", "metrics")
LABELS = {
    "license": "Licence",
    "license_name": "Name of the licence",
    "license_link": "Where the licence stands",
    "language": "Languages",
    "library_name": "Library",
    "pipeline_tag": "Task",
    "tags": "Tags",
    "datasets": "Data sets",
    "metrics": "Metrics",
    "base_model": "Made from",
    "model_name": "Name",
    "model-index": "Evaluation results",
}

QUOTED = ("'", '"', "|", ">")  # so is a block of text; what is plain has no style, or an empty one

_no_text = re.compile("[\x00\ud800-\udfff]")
_integer = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_number = re.compile(r"-?(0|[1-9][0-9]{0,17})\.[0-9]{1,17}([eE][-+]?[0-9]{1,3})?")


def read_metadata(root: yaml.MappingNode | None) -> dict[str, Any]:
    """The values below `root`. Raises `FileNotUnderstood`; lines count from that of the fence before it, 1."""
    if root is None:
        return {}
    problems: list[Problem] = []
    found = _mapping(root, problems)
    nodes = {str(key.value): value for key, value in root.value}
    for name in TEXTS:
        if name in found and not isinstance(found[name], str | int | float):
            problems.append(_problem(nodes[name], f"“{name}” is one text."))
    for name in TEXTS_OR_LISTS:
        if name in found and not _is_text_or_list(found[name]):
            problems.append(_problem(nodes[name], f"“{name}” is a text or a list of texts."))
    if "model-index" in found:
        _check_index(nodes["model-index"], problems)
    if problems:
        raise FileNotUnderstood(problems, field=FIELD)
    return found


def listed(value: Any) -> list[str]:
    """A text or a list of texts as a list."""
    if value is None:
        return []
    return [str(each) for each in value] if isinstance(value, list) else [str(value)]


def _is_text_or_list(value: Any) -> bool:
    if isinstance(value, list):
        return all(isinstance(each, str | int | float) and not isinstance(each, bool) for each in value)
    return value is None or (isinstance(value, str | int | float) and not isinstance(value, bool))


def _check_index(node: yaml.Node, problems: list[Problem]) -> None:
    """`model-index`: a list of models, each with results of a task on a data set by metrics."""
    for model in _items(node, "“model-index” is a list of models, each with “name” and “results”.", problems):
        inner = _entries(model, "A model of “model-index” has “name” and “results”.", problems)
        if "results" not in inner:
            continue
        for result in _items(inner["results"], "“results” is a list.", problems):
            held = _entries(result, "A result has “task”, “dataset” and “metrics”.", problems)
            for name in ("task", "dataset"):
                if name in held and not isinstance(held[name], yaml.MappingNode):
                    problems.append(_problem(held[name], f"“{name}” of a result has names and values, “type” first."))
            if "metrics" not in held:
                problems.append(_problem(result, "A result has “metrics”, each with “type” and “value”."))
                continue
            for metric in _items(held["metrics"], "“metrics” of a result is a list.", problems):
                said = _entries(metric, "A metric has “type” and “value”.", problems)
                if isinstance(metric, yaml.MappingNode) and not {"type", "value"} <= set(said):
                    problems.append(_problem(metric, "A metric has “type” and “value”."))


def _items(node: yaml.Node, else_: str, problems: list[Problem]) -> list[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        return list(node.value)
    problems.append(_problem(node, else_))
    return []


def _entries(node: yaml.Node, else_: str, problems: list[Problem]) -> Mapping[str, yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return {str(key.value): value for key, value in node.value}
    problems.append(_problem(node, else_))
    return {}


def _mapping(node: yaml.MappingNode, problems: list[Problem]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            problems.append(_problem(key, "A name is one text."))
            continue
        if key.value in found:
            problems.append(_problem(key, f"“{key.value}” is said twice."))
        _check_text(key, problems)
        found[key.value] = _value(value, problems)
    return found


def _value(node: yaml.Node, problems: list[Problem]) -> Any:
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, problems)
    if isinstance(node, yaml.SequenceNode):
        return [_value(each, problems) for each in node.value]
    text = _check_text(node, problems)
    if getattr(node, "style", None) in QUOTED:
        return text
    if text in ("", "~", "null"):
        return None
    if text in ("true", "false"):
        return text == "true"
    if _integer.fullmatch(text):
        return int(text)
    if not _number.fullmatch(text):
        return text
    if not math.isfinite(number := float(text)):
        problems.append(_problem(node, f"“{text}” is too large for a number."))
    return number


def _check_text(node: yaml.Node, problems: list[Problem]) -> str:
    """What a scalar says; escapes can write what no text has."""
    text = str(node.value)
    if _no_text.search(text):
        problems.append(_problem(node, "This holds a character that text does not have."))
    return text


def _problem(node: yaml.Node, sentence: str) -> Problem:
    return Problem(int(node.start_mark.line) + 2, sentence)  # the fence stands before it
