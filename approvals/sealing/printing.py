"""A decision as a page that needs nothing beside it: to read and to print, from its record alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from approvals.sealing.seal import Statement

STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#1a1f2b}"
    "h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem;border-bottom:1px solid #ccd}"
    "dt{font-weight:600}dd{margin:0 0 .5rem;white-space:pre-wrap}small,code{color:#556;overflow-wrap:anywhere}"
    "table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.3rem .6rem .3rem 0;"
    "border-bottom:1px solid #dde}"
)


def printed(record: Mapping[str, Any], seal: Statement) -> str:
    """The page in HTML."""
    asked = record["request"]
    who = asked["requester"]
    parts = [
        f"<h1>{_t(asked['title'])}</h1>",
        f"<p><strong>{_t(record['outcome']).capitalize()}</strong> on {_t(record['decided_at'])}"
        + (f", valid until {_t(record['valid_until'])}" if record.get("valid_until") else "") + ".</p>",
        "<h2>What was asked</h2>",
        _facts([
            ("Request", f"R-{asked['number']}, {asked['subject_kind']}"),
            ("Asked by", f"{who['name']} ({who['username']}), {asked['submitted_at']}"),
            ("Tenant", asked["tenant"]), ("Environment", asked["environment"]), ("Purpose", asked["reason"]),
            *((str(name), value) for name, value in asked["facts"].items()),
        ]),
        "<h2>Who decided</h2>", _votes(record),
    ]  # fmt: skip
    policy = record.get("policy")
    if policy:
        about = f"{name_of_policy(policy)}, version {policy.get('version')}"
        because = f" It decides because of: {record['because']}." if record.get("because") else ""
        parts.append(f"<p>{_t(policy.get('sentence', ''))} <small>Policy {_t(about)}.{_t(because)}</small></p>")
    for earlier in record.get("earlier_rounds", ()):
        parts.append(f"<h2>Round {_t(earlier['round'])}, sent back on {_t(earlier['sent_back_at'])}</h2>")
        parts.append(_facts([("Request", earlier["title"]), ("Purpose", earlier["reason"]),
                             *((str(name), value) for name, value in earlier["facts"].items())]))  # fmt: skip
        parts.append(_table(earlier["reviews"]))
    if record.get("conversation"):
        parts.append("<h2>What was said</h2>")
        parts.append(_facts((f"{one['author']['name']}, {one['at']}", one["text"]) for one in record["conversation"]))
    parts += ["<h2>On which evidence</h2>", _evidence(record)]
    if record.get("attachments"):
        parts.append("<h2>Documents</h2>")
        parts.append(_facts((each["name"], f"{each['size']} bytes, SHA-256 {each['sha256']}")
                            for each in record["attachments"]))  # fmt: skip
    if record.get("fingerprint"):
        parts.append("<h2>What was approved</h2>")
        parts.append(_facts((str(name), value) for name, value in record["fingerprint"]["fields"].items()))
    parts += ["<h2>Seal</h2>", _facts([
        ("Place in the chain", seal.sequence), ("SHA-256 of the record", seal.record_sha256),
        ("SHA-256 of the seal before", seal.previous_hash or "none: it is the first"),
        ("Signed with the key", seal.key), ("Sealed at", seal.as_json()["sealed_at"]),
    ])]  # fmt: skip
    title = f"Decision on R-{asked['number']}"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{_t(title)}</title>'
        f"<style>{STYLE}</style></head><body>{''.join(parts)}</body></html>\n"
    )


def _votes(record: Mapping[str, Any]) -> str:
    if not record["reviews"]:
        sentence = (record.get("decided_under") or {}).get("sentence", "")
        return f"<p>{_t(record['request']['requester']['name'])}, by asking. {_t(sentence)}</p>"
    return _table(record["reviews"])


def _table(reviews: Iterable[Mapping[str, Any]]) -> str:
    rows = [
        (review["board_name"], vote["voter"]["name"], _verdict(vote), _reason(vote), vote["at"])
        for review in reviews
        for vote in review["votes"]
    ]
    head = "".join(f"<th>{name}</th>" for name in ("Board", "Member", "Vote", "Reason", "When"))
    body = "".join(f"<tr>{''.join(f'<td>{_t(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _verdict(vote: Mapping[str, Any]) -> str:
    word = str(vote["verdict"]).replace("_", " ")
    return f"{word}, with conditions" if vote.get("is_conditional") else word


def _reason(vote: Mapping[str, Any]) -> str:
    checked = vote.get("checked")
    return f"{vote['comment']} (Checked: {'; '.join(map(str, checked))})" if checked else str(vote["comment"])


def name_of_policy(policy: Mapping[str, Any]) -> str:
    """What a sealed policy is called; the first form of a record knew its kinds alone."""
    kinds = f"{policy.get('subject_kind', '')} {policy.get('environment_kind') or 'any'}"
    return str(policy.get("slug") or kinds)


def _evidence(record: Mapping[str, Any]) -> str:
    items = {item["id"]: item for item in record.get("evidence_items", ())}
    told = [
        (fact["name"], f"{fact['value']} ({', '.join(filter(None, (fact['source'], fact['as_of'])))})")
        for fact in record["evidence"]
    ]
    told += [
        (item["name"], "\n".join(filter(None, (item["trouble"], item["text"], item["link"], item["source"]))))
        for item in items.values()
        if item["kind"] != "collected" or item["trouble"]
    ]
    return _facts(told) if told else "<p>None was collected.</p>"


def _facts(pairs: Iterable[tuple[str, Any]]) -> str:
    told = [(name, value) for name, value in pairs if value not in ("", None, [], {})]
    return f"<dl>{''.join(f'<dt>{_t(name)}</dt><dd>{_t(value)}</dd>' for name, value in told)}</dl>"


def _t(value: Any) -> str:
    return escape(str(value))
