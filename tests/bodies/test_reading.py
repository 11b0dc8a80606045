"""What is kept is read by who may, each reading is written down, and nothing of it is ever HTML of ours."""

from __future__ import annotations

import json

import orjson
import pytest
from django.test import Client
from django.utils import timezone

from audit.models import Entry
from tests.bodies.contents import ANSWER, PROMPT, content_of, record
from tests.cast import Cast
from tests.usage.ledger_lines import called
from usage.bodies.keeping import Keeping
from usage.bodies.responses import call_named
from usage.bodies.sealing import unwrapped
from usage.bodies.setting import set_retention
from usage.bodies.storing import store
from usage.bodies.tables import Body
from usage.limits.places import of_environment, of_tenant
from usage.models import Call

pytestmark = pytest.mark.django_db


@pytest.fixture
def call(cast: Cast) -> Call:
    return called(cast.environment())


def client_of(person: object) -> Client:
    client = Client()
    client.force_login(person)  # type: ignore[arg-type]
    return client


def test_it_works(cast: Cast, call: Call) -> None:
    content_of(call)
    olivia = client_of(cast.olivia)
    page = olivia.get(f"/usage/calls/{call.pk}/").content.decode()
    assert "what was asked and what was answered" in page and f"/usage/calls/{call.pk}/content/" in page
    answer = olivia.get(f"/usage/calls/{call.pk}/content/")
    text = answer.content.decode()
    assert "Where is &lt;b&gt;my&lt;/b&gt; order?" in text and "On its way." in text and "<b>my</b>" not in text
    assert "no-store" in answer["cache-control"]
    entry = Entry.objects.get(verb="body.read")
    assert entry.subject_id == str(call.pk) and entry.tenant == "acme" and entry.actor_id == str(cast.olivia.pk)
    assert "order" not in json.dumps(entry.facts)


def test_who_sees_usage_alone_is_told_who_may(cast: Cast, call: Call) -> None:
    content_of(call)
    vera = client_of(cast.vera)
    page = vera.get(f"/usage/calls/{call.pk}/").content.decode()
    assert "Read what was asked and answered" in page and f"/usage/calls/{call.pk}/content/" not in page
    assert vera.get(f"/usage/calls/{call.pk}/content/").status_code == 403
    assert vera.get(f"/api/usage/calls/{call.pk}/content/").status_code == 403
    assert client_of(cast.pat).get(f"/usage/calls/{call.pk}/content/").status_code == 403, "the platform team neither"
    assert not Entry.objects.filter(verb="body.read").exists()


def test_where_nothing_is_kept_the_page_says_so(cast: Cast, call: Call) -> None:
    olivia = client_of(cast.olivia)
    assert "Nothing of what was asked and answered is kept." in olivia.get(f"/usage/calls/{call.pk}/").content.decode()
    assert olivia.get(f"/usage/calls/{call.pk}/content/").status_code == 404


def test_what_is_over_is_shown_to_nobody_even_before_it_is_erased(cast: Cast, call: Call) -> None:
    content_of(call)
    Body.objects.update(erase_at=timezone.now())
    assert client_of(cast.olivia).get(f"/usage/calls/{call.pk}/content/").status_code == 404


def test_the_api_tells_the_same(cast: Cast, call: Call) -> None:
    body = content_of(call)
    told = client_of(cast.olivia).get(f"/api/usage/calls/{call.pk}/content/").json()
    assert told["prompt"] == PROMPT and told["answer"] == ANSWER and told["form"] == "chat"
    assert told["erase_at"].startswith(body.erase_at.date().isoformat())
    assert Entry.objects.filter(verb="body.read").count() == 1


def test_each_part_is_taken_as_it_is(cast: Cast, call: Call) -> None:
    content_of(call)
    answer = client_of(cast.olivia).get(f"/usage/calls/{call.pk}/content/download/?part=answer")
    assert answer.content == orjson.dumps(ANSWER) and "attachment" in answer["content-disposition"]


STREAMS = {
    "chat": b'data: {"choices":[{"index":0,"delta":{"content":"On its "}}]}\n\n'
            b'data: {"choices":[{"index":0,"delta":{"content":"way."}}]}\n\ndata: [DONE]\n\n',
    "messages": b'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":'
                b'"text","text":""}}\n\nevent: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
                b'"delta":{"type":"text_delta","text":"On its way."}}\n\n',
    "responses": b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","delta":"On its "}'
                 b'\n\nevent: response.output_text.delta\ndata: {"type":"response.output_text.delta","delta":"way."}'
                 b"\n\n",
    "completions": b'data: {"choices":[{"index":0,"text":"On its "}]}\n\ndata: {"choices":[{"index":0,"text":"way."}]}'
                   b"\n\ndata: [DONE]\n\n",
}  # fmt: skip
ASKED = {
    "chat": PROMPT,
    "messages": {"system": "Be brief.", "messages": [{"role": "user", "content": "Where?"}]},
    "responses": {"instructions": "Be brief.", "input": [{"role": "user", "content": [{"type": "input_text",
                                                                                         "text": "Where?"}]}]},
    "completions": {"prompt": "Where?"},
}  # fmt: skip


@pytest.mark.parametrize("form", STREAMS)
def test_a_stream_of_every_form_is_read_as_a_conversation(cast: Cast, call: Call, form: str) -> None:
    content_of(call, form=form, is_streamed=True, told_answer=STREAMS[form], told_prompt=orjson.dumps(ASKED[form]))
    text = client_of(cast.olivia).get(f"/usage/calls/{call.pk}/content/").content.decode()
    assert "On its way." in text and "Where" in text and ("Be brief." in text) == (form in ("messages", "responses"))


ODD = [
    b'{"choices":[{"index":[0],"delta":{"tool_calls":["x"]}}]}', b'{"choices":[{"delta":{"tool_calls":7}}]}',
    b'{"choices":[{"index":"b","delta":{"tool_calls":[{"index":{},"function":"x"}]}}]}',
    b'{"choices":[{"delta":{"tool_calls":[{"function":{"name":7,"arguments":{}}}]}}]}',
    b'{"type":"content_block_start","index":[],"content_block":{}}', b'{"a":' * 90_000,
]  # fmt: skip


@pytest.mark.parametrize("form", ["chat", "messages", "responses"])
@pytest.mark.parametrize("odd", ODD)
def test_a_stream_that_makes_no_sense_is_shown_as_text(cast: Cast, call: Call, form: str, odd: bytes) -> None:
    content_of(call, form=form, is_streamed=True, told_answer=b"data: " + odd + b"\n\n")
    answer = client_of(cast.olivia).get(f"/usage/calls/{call.pk}/content/")
    assert answer.status_code == 200
    assert odd[:20].decode().replace('"', "&quot;") in answer.content.decode()


def test_how_much_of_a_long_conversation_is_left_out_is_said(cast: Cast, call: Call) -> None:
    said = [{"role": "user", "content": f"turn {number}."} for number in range(502)]
    content_of(call, told_prompt=orjson.dumps({"messages": said}))
    text = client_of(cast.olivia).get(f"/usage/calls/{call.pk}/content/").content.decode()
    assert "Its first 3 parts are left out" in text and "turn 2." not in text and "turn 3." in text
    assert f"/usage/calls/{call.pk}/content/download/?part=prompt" in text


def test_what_was_cut_is_shown_as_text(cast: Cast, call: Call) -> None:
    content_of(call, told_prompt=b'{"messages": [{"role": "user", "content": "<script>', is_prompt_cut=True)
    text = client_of(cast.olivia).get(f"/usage/calls/{call.pk}/content/").content.decode()
    assert "&lt;script&gt;" in text and "too long to be kept whole" in text


def test_a_call_of_another_tenant_has_no_content_for_anybody_else(cast: Cast, call: Call) -> None:
    content_of(call)
    assert client_of(cast.greta).get(f"/usage/calls/{call.pk}/content/").status_code == 404


def test_what_was_tampered_with_is_told_and_not_shown(cast: Cast, call: Call) -> None:
    body = content_of(call)
    changed = bytearray(body.prompt or b"")
    changed[-1] ^= 1
    Body.objects.update(prompt=bytes(changed))
    answer = client_of(cast.olivia).get(f"/api/usage/calls/{call.pk}/content/")
    assert answer.status_code == 409 and answer.json()["code"] == "content_unreadable"


def test_a_second_delivery_changes_nothing(cast: Cast, call: Call) -> None:
    assert store([record(call)]) == 1 and store([record(call)]) == 0


def test_a_page_says_where_responses_are_stored(cast: Cast) -> None:
    place = of_environment(cast.environment())
    set_retention(place=of_tenant(cast.acme), keeping=Keeping(prompts=True, answers=True), by=cast.olivia)
    set_retention(place=place, keeping=Keeping(prompts=True, answers=True, share=50), by=cast.olivia)
    told = client_of(cast.vera).get("/api/retention/?tenant=acme").json()
    stores = {each["place"]: each["keeping"]["stores_responses"] for each in told}
    assert stores["acme"] and not stores[place.path]
    assert "Programs go on from answers to" in client_of(cast.vera).get("/tenants/acme/content/").content.decode()


def test_the_content_of_a_stored_response_names_it(cast: Cast, call: Call) -> None:
    earlier = called(cast.environment())
    body = content_of(call, is_response=True, previous=earlier.pk)
    olivia = client_of(cast.olivia)
    name = olivia.get(f"/api/usage/calls/{call.pk}/content/").json()["response"]
    assert call_named(unwrapped(bytes(body.key.wrapped)), body.environment_id, name) == call.pk
    page = olivia.get(f"/usage/calls/{call.pk}/content/").content.decode()
    assert name in page and f"/usage/calls/{earlier.pk}/" in page
    Body.objects.filter(pk=body.pk).update(prompt=None)
    assert olivia.get(f"/api/usage/calls/{call.pk}/content/").json()["response"] == "", "as programs are told"
    assert name not in olivia.get(f"/usage/calls/{call.pk}/content/").content.decode()
    Body.objects.filter(pk=body.pk).update(prompt=body.prompt, is_deleted=True)
    assert olivia.get(f"/api/usage/calls/{call.pk}/content/").json()["response"] == ""
    assert "which a program deleted" in olivia.get(f"/usage/calls/{call.pk}/content/").content.decode()
