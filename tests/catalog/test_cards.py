"""A model's card: read in the common form, given back as it came, kept in editions that are compared."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import ProgrammingError, transaction
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from audit.models import Entry
from catalog.cards.parts import PARTS
from catalog.cards.reading import NO_CARD, normalised, read
from catalog.cards.writing import with_field, with_part
from catalog.models import CardEdition, Change, ModelVersion
from refusals.problems import FileNotUnderstood
from tests.cast import Cast, route

CARD = """---
# as its maker keeps it
language:
- en
- no
license: apache-2.0   # SPDX
tags: [chat, "small: one"]
datasets:
  - HuggingFaceTB/smoltalk
base_model: HuggingFaceTB/SmolLM2-135M
x-own:
  kept: {as: it, is: 1.50}
model-index:
- name: smol
  results:
  - task:
      type: text-generation
    dataset:
      name: HellaSwag
      type: hellaswag
    metrics:
    - type: acc_norm
      value: 42.1
---

# SmolLM2

## Uses

### Direct Use

To answer **short** questions.

### Out-of-Scope Use

[More Information Needed]

## Bias, Risks, and Limitations

<script>alert(1)</script> It is often wrong.

```
# no heading
```

## Training Data

Text of the web.
"""


def problems_of(text: str | bytes) -> list[tuple[int, str]]:
    with pytest.raises(FileNotUnderstood) as refused:
        read(text)
    return [(each.line, each.sentence) for each in refused.value.problems]


def test_it_works() -> None:
    card = read(CARD)
    assert card.metadata["language"] == ["en", "no"], "Norwegian is a language"
    assert card.metadata["license"] == "apache-2.0" and card.metadata["x-own"] == {"kept": {"as": "it", "is": 1.5}}
    assert card.part("intended_use") == "To answer **short** questions."
    assert card.part("out_of_scope") == "", "the template's own words say nothing"
    assert "# no heading" in card.part("limits")
    assert [(each.task, each.dataset, each.metric, each.value) for each in card.results] == [
        ("text-generation", "HellaSwag", "acc_norm", 42.1)
    ]
    assert card.gaps == ["no out-of-scope use", "no evaluation data", "no risks and mitigations", "no contacts"]


def test_it_is_given_back_to_the_byte_once_it_is_normalised() -> None:
    assert read(CARD).text == CARD
    assert read(b"\xef\xbb\xbf" + CARD.replace("\n", "\r\n").encode() + b"\r\n\r\n").text == CARD


@given(st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00"), max_size=400))
def test_what_is_normalised_stays_as_it_is(text: str) -> None:
    once = normalised(text)
    assert normalised(once) == once == normalised(once.encode())


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 0, "nothing in it"),
        ("---\nlicense: x\n", 1, "does not end"),
        ("---\nlicense: x\ntags: {a: b}\n---\n", 3, "“tags”"),
        ("---\nlicense:\n  - a\n  - [b]\n---\n", 3, "“license”"),
        ("---\na: 1\nb: 2\na: 3\n---\n", 4, "said twice"),
        ("---\na: &x 1\nb: *x\n---\n", 2, "Anchors"),
        ("---\na: 1\nb: [\n---\n", 4, "YAML"),
        ("---\n- a\n---\n", 2, "names and values"),
        ("---\nmodel-index:\n- name: x\n  results:\n  - task: {type: t}\n---\n", 5, "“metrics”"),
        ("---\nmodel-index:\n- results:\n  - metrics:\n    - type: acc\n---\n", 5, "“type” and “value”"),
        ('---\na: 1\nlicense_name: "a\\0b"\n---\n', 3, "does not have"),
        ('---\na: 1\n"b\\0": 1\n---\n', 3, "does not have"),
        ("---\na: 1\nx: {y: [1.0e999]}\n---\n", 3, "too large"),
        (b"---\na: 1\nb: \xff\n---\n", 3, "not UTF-8"),
        ("one\ntwo\x00\n", 2, "does not have"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str | bytes, line: int, words: str) -> None:
    found = problems_of(text)
    assert found[0][0] == line and words in found[0][1], found


def test_one_field_changes_and_every_other_byte_stays() -> None:
    changed = with_field(read(CARD), "datasets", ["a/b", "c"])
    assert changed.text == CARD.replace("datasets:\n  - HuggingFaceTB/smoltalk\n", "datasets:\n- a/b\n- c\n")
    without = with_field(read(CARD), "tags", [])
    assert without.text == CARD.replace('tags: [chat, "small: one"]\n', "")
    assert with_field(read(CARD), "language", ["en", "no"]).text == CARD
    added = with_field(read(CARD), "license_name", "own: 1")
    assert added.metadata["license_name"] == "own: 1" and added.body == read(CARD).body
    assert with_field(read("---\n{license: a, tags: [b]}\n---\nText\n"), "license", "c").metadata == {
        "license": "c", "tags": ["b"]
    }  # fmt: skip


def test_one_part_changes_and_every_other_byte_stays() -> None:
    changed = with_part(read(CARD), "training_data", "Text of the web, until 2024.\r\n")
    assert changed.text == CARD.replace("Text of the web.", "Text of the web, until 2024.")
    named = with_part(read(CARD), "contacts", "team@example.test")
    assert named.text == CARD + "\n## Contact\n\nteam@example.test\n"
    filled = with_part(read(CARD), "out_of_scope", "Medicine.")
    assert filled.part("out_of_scope") == "Medicine." and filled.part("intended_use") == read(CARD).part("intended_use")
    assert with_part(named, "contacts", "").text == CARD


def test_a_heading_in_a_comment_is_no_part() -> None:
    hidden = "<!--\nTo be written:\n\n## Training Data\n\n## Limits\n-->\n\n"
    card = read(CARD.replace("## Training Data", f"{hidden}## Training Data"))
    assert card.part("training_data") == "Text of the web."
    changed = with_part(card, "training_data", "Text of the web, until 2024.")
    assert changed.text == card.text.replace("Text of the web.", "Text of the web, until 2024.")
    assert hidden.strip() in with_part(changed, "training_data", "").text


@pytest.mark.parametrize("sign", ["\x85", "\u2028", "\u2029"])
def test_other_ends_of_lines_before_a_field_leave_its_place(sign: str) -> None:
    card = read(f"---\nx: 'one{sign}two{sign}three'\nlicense: mit\n# a note\ntags:\n- a\nlanguage: en\n---\nText\n")
    assert with_field(card, "license", "apache-2.0").text == card.text.replace("mit", "apache-2.0")
    assert with_field(card, "tags", []).text == card.text.replace("tags:\n- a\n", "")


@pytest.mark.parametrize("key", [part.key for part in PARTS])
def test_a_card_can_be_begun_with_any_part(key: str) -> None:
    card = with_field(with_part(NO_CARD, key, "Something."), "license", "mit")
    assert card.part(key) == "Something." and card.metadata == {"license": "mit"}
    assert read(card.text).text == card.text


@pytest.fixture
def version(cast: Cast) -> ModelVersion:
    return route().targets.get().deployment.version


@pytest.fixture
def pat(cast: Cast) -> Client:
    client = Client()
    client.force_login(cast.pat)
    return client


def path(version: ModelVersion, rest: str) -> str:
    return f"/catalog/versions/{version.pk}/{rest}"


def hidden(html: str, name: str = "seen") -> str:
    found = re.search(rf'name="{name}"[^>]*value="([^"]*)"', html)
    assert found
    return found.group(1)


def imported(client: Client, version: ModelVersion, text: str = CARD, why: str = "As its maker has it") -> Any:
    page = client.get(path(version, "card/import/")).content.decode()
    return client.post(path(version, "card/import/"), {"text": text, "why": why, "seen": hidden(page)})


def test_a_card_is_imported_shown_and_downloaded(pat: Client, version: ModelVersion, cast: Cast) -> None:
    assert "has no card yet" in pat.get("/catalog/models/echo-model/?tab=card").content.decode()
    assert imported(pat, version).status_code == 302
    dev = Client()
    dev.force_login(cast.dev)
    shown = dev.get("/catalog/models/echo-model/?tab=card").content.decode()
    assert "To answer <strong>short</strong> questions." in shown and "HellaSwag" in shown
    assert "<script>alert(1)" not in shown
    assert "No contacts" in shown and "Nobody answers for it" in shown
    assert "Edit" not in re.findall(r"<button[^>]*>[^<]*|<a class=\"btn[^>]*>[^<]*", shown)
    given_back = dev.get(path(version, "card.md"))
    assert given_back.content.decode() == CARD and given_back["Content-Type"].startswith("text/markdown")
    entry = Entry.objects.filter(verb="card.kept").latest("sequence")
    assert entry.actor_label == str(cast.pat)


def test_a_file_is_taken_and_its_problems_are_told_by_their_lines(pat: Client, version: ModelVersion) -> None:
    page = pat.get(path(version, "card/import/")).content.decode()
    bad = SimpleUploadedFile("README.md", b"---\nlicense: x\ntags: {a: b}\n---\n")
    answer = pat.post(path(version, "card/import/"), {"file": bad, "why": "First", "seen": hidden(page)})
    assert answer.status_code == 422 and "Line 3: “tags” is a text or a list" in answer.content.decode()
    assert not CardEdition.objects.exists()
    good = SimpleUploadedFile("README.md", CARD.encode())
    assert (
        pat.post(path(version, "card/import/"), {"file": good, "why": "First", "seen": hidden(page)}).status_code == 302
    )


def test_a_card_is_edited_by_its_parts_and_the_editions_are_compared(pat: Client, version: ModelVersion) -> None:
    imported(pat, version)
    page = pat.get(path(version, "card/"))
    form = page.context["form"]
    said = {name: form[name].value() or "" for name in form.fields}
    answer = pat.post(
        path(version, "card/"), said | {"license": "mit", "training_data": "Text of the open web.", "why": "Relicensed"}
    )
    assert answer.status_code == 302, answer.content.decode()
    newest = version.card_editions.first()
    assert newest is not None and newest.number == 2 and newest.metadata["license"] == "mit"
    assert newest.text == CARD.replace("license: apache-2.0   # SPDX", "license: mit").replace(
        "the web", "the open web"
    )
    shown = pat.get(path(version, "card/editions/")).content.decode()
    assert "<del>apache-2.0</del>" in shown and "<ins>mit</ins>" in shown and "<ins>open </ins>" in shown
    assert pat.get(path(version, "card.md?edition=1")).content.decode() == CARD
    told = Change.objects.filter(version=version, matters=True).values_list("kind", "before", "after")
    assert ("licence", "apache-2.0", "mit") in list(told)


def edited(pat: Client, version: ModelVersion, **said: str) -> Any:
    """The answer to the form as it is shown, with what is said in place of what stands there."""
    form = pat.get(path(version, "card/")).context["form"]
    shown = {name: str(form[name].value() or "").replace("\n", "\r\n") for name in form.fields}  # as a browser sends it
    return pat.post(path(version, "card/"), {**shown, "why": "So", **said})


def test_facts_that_nobody_touched_stay_whatever_they_hold(pat: Client, version: ModelVersion) -> None:
    tags = "tags:\n- one, two\n- three\n"
    long = f"license_name: {'very ' * 60}long\n"
    text = CARD.replace('tags: [chat, "small: one"]\n', tags + long)
    imported(pat, version, text)
    assert edited(pat, version, contacts="team@example.test").status_code == 302
    newest = version.card_editions.first()
    assert newest is not None and newest.text == f"{text}\n## Contact\n\nteam@example.test\n"
    assert edited(pat, version, tags="one, two\r\nfour").status_code == 302
    newest = version.card_editions.first()
    assert newest is not None and newest.metadata["tags"] == ["one, two", "four"] and long in newest.text
    assert edited(pat, version, license_name="x" * 161).status_code == 422


def test_the_same_text_again_is_no_new_edition_and_who_is_late_is_told(pat: Client, version: ModelVersion) -> None:
    early = hidden(pat.get(path(version, "card/import/")).content.decode())
    imported(pat, version)
    assert imported(pat, version).status_code == 302 and version.card_editions.count() == 1
    late = pat.post(path(version, "card/import/"), {"text": "# Other\n", "why": "Mine", "seen": early})
    assert late.status_code == 422 and "Somebody else changed" in late.content.decode()
    assert version.card_editions.count() == 1


def test_an_edition_is_never_changed_by_whatever_way(pat: Client, version: ModelVersion) -> None:
    imported(pat, version)
    with pytest.raises(ProgrammingError, match="Cannot update rows"), transaction.atomic():
        CardEdition.objects.update(text="# Other")


def test_licence_texts_are_kept_with_where_they_were_read_and_a_change_is_told(
    pat: Client, version: ModelVersion, cast: Cast
) -> None:
    said = {"kind": "licence", "name": "Own licence", "source_url": "https://example.test/licence", "text": "You may."}
    assert pat.post(path(version, "terms/"), said).status_code == 302
    assert pat.post(path(version, "terms/"), said).status_code == 302, "the same again"
    assert version.terms_texts.count() == 1 and not Change.objects.filter(kind="licence").exists()
    assert pat.post(path(version, "terms/"), said | {"text": "You may not."}).status_code == 302
    assert Change.objects.filter(kind="licence", matters=True, version=version).count() == 1
    newest = version.terms_texts.first()
    shown = pat.get(path(version, f"terms/?text={newest.pk}")).content.decode()
    assert "You may<ins> not</ins>." in shown
    for name, value in (("source_url", "ftp://x"), ("text", "  "), ("read_on", "2999-01-01")):
        answer = pat.post(path(version, "terms/"), said | {name: value})
        assert answer.status_code == 422, name
    assert pat.get(path(version, f"terms/?text={version.pk}")).status_code == 404
    dev = Client()
    dev.force_login(cast.dev)
    assert dev.post(path(version, "terms/"), said).status_code == 403


def test_somebody_answers_for_a_version(pat: Client, version: ModelVersion, cast: Cast) -> None:
    seen = hidden(pat.get(path(version, "owner/")).content.decode())
    said = {"owner": "rita", "next_review_on": "2099-01-01", "seen": seen}
    assert pat.post(path(version, "owner/"), said | {"owner": "nobody-here"}).status_code == 422
    assert pat.post(path(version, "owner/"), said | {"next_review_on": "2001-01-01"}).status_code == 422
    assert pat.post(path(version, "owner/"), said).status_code == 302
    version.refresh_from_db()
    assert version.owner == cast.rita
    shown = pat.get("/catalog/models/echo-model/?tab=card").content.decode()
    assert "Rita" in shown and "Nobody answers" not in shown
    assert pat.post(path(version, "owner/"), said | {"owner": ""}).status_code == 422, "what was shown is old"


def test_programs_can_do_the_same(pat: Client, version: ModelVersion, cast: Cast) -> None:
    listed = pat.get("/api/model-versions/?model__slug=echo-model").json()["results"]
    base = f"/api/model-versions/{listed[0]['id']}/"
    assert pat.get(f"{base}card/").status_code == 404
    kept = pat.post(f"{base}card/", {"text": CARD, "why": "First", "edition": 0}, "application/json")
    assert kept.status_code == 201 and kept.json()["text"] == CARD and kept.json()["parts"]["contacts"] == ""
    late = pat.post(f"{base}card/", {"text": "# X\n", "why": "First", "edition": 0}, "application/json")
    assert late.status_code == 409
    bad = pat.post(f"{base}card/", {"text": "---\ntags: {}\n---\n", "why": "x"}, "application/json").json()
    assert bad["problems"][0]["line"] == 2
    second = CARD.replace("short", "very short")
    assert pat.post(f"{base}card/", {"text": second, "why": "Clearer"}, "application/json").status_code == 201
    changed = pat.get(f"{base}card-difference/?from=1").json()
    assert [each["kind"] for each in changed["lines"]] == ["removed", "added"] and changed["facts"] == []
    assert [each["number"] for each in pat.get(f"{base}card-editions/").json()] == [2, 1]
    assert pat.get(f"{base}card/?edition=1").json()["text"] == CARD
    said = {"kind": "terms", "name": "T", "text": "Do.", "source_url": "https://example.test/"}
    assert pat.post(f"{base}terms/", said, "application/json").status_code == 201
    assert len(pat.get(f"{base}terms/").json()) == 1
    owned = pat.patch(base, {"owner": "rita", "next_review_on": "2099-01-01"}, "application/json").json()
    assert (owned["owner"], owned["next_review_on"]) == ("rita", "2099-01-01")
    cast.rita.is_active = False
    cast.rita.save()
    owned = pat.patch(base, {"next_review_on": "2099-02-01"}, "application/json").json()
    assert (owned["owner"], owned["next_review_on"]) == ("rita", "2099-02-01"), "of whom nothing was said"
    assert pat.patch(base, {"owner": "rita"}, "application/json").status_code == 422
    assert "no text of its licence" in pat.get(f"{base}gaps/").json()


def test_the_tab_asks_few_questions_of_the_database(
    pat: Client, version: ModelVersion, django_assert_max_num_queries: Any
) -> None:
    imported(pat, version)
    pat.get("/catalog/models/echo-model/?tab=card")
    with django_assert_max_num_queries(12):
        pat.get("/catalog/models/echo-model/?tab=card")
