"""Every verb that the code writes into the audit has words that a person reads."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from approvals.states import TABLE
from audit.sentences import SENTENCES, sentence
from catalog.lifecycle.states import TABLE as LIVES
from portal.demonstration.people import PEOPLE

ROOT = Path(__file__).parent.parent.parent
ROOMS = ("access", "approvals", "audit", "catalog", "gateway", "playground", "portal", "tenants", "usage", "notices")
A_VERB = re.compile(r"[a-z]+\.[a-z]+(_[a-z]+)*")


def written() -> set[str]:
    """Every text of a verb's form in the modules that write to the audit; permissions (`room.verb_noun`) are none."""
    found = {transition.audit for transition in (*TABLE.values(), *LIVES.values()) if transition.audit}
    for file in (file for room in ROOMS for file in (ROOT / room).rglob("*.py") if file.name != "sentences.py"):
        text = file.read_text()
        if not re.search(r"^\s*from audit\.(record import .*\brecord\b|models import)", text, re.MULTILINE):
            continue
        texts = {node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)}
        verbs = {one for one in texts if isinstance(one, str) and A_VERB.fullmatch(one)}
        found |= {verb for verb in verbs if verb.split(".")[0] not in ROOMS or verb.endswith("ed")}
    return found - {username for username, _ in PEOPLE}


def composed() -> list[str]:
    """Calls of `record` whose verb is put together, where nobody could find it."""
    calls = [
        (file, node)
        for room in ROOMS
        for file in (ROOT / room).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "record" and node.args
    ]
    assert len(calls) > 30
    return [f"{file}:{node.lineno}" for file, node in calls if isinstance(node.args[0], ast.JoinedStr | ast.BinOp)]


def test_every_verb_has_a_sentence_and_every_sentence_a_verb() -> None:
    assert composed() == []
    assert written() == set(SENTENCES)


def test_an_unknown_verb_is_shown_by_its_own_words() -> None:
    assert sentence("key.issued") == "issued the key"
    assert sentence("thing.half_done") == "thing half done"
