"""Content of calls is kept where the policy says so, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import httpx
import openai
import orjson
import pytest
from pytest_django import Settings

from gateway.bodies import keeper
from tests.bodies.conftest import keep, kept_at, stored
from tests.cast import Cast
from tests.gateway.behaviours import answers
from tests.gateway.conftest import HELLO, eventually, kept
from tests.gateway.provider import Provider
from usage.bodies.keeping import Keeping
from usage.bodies.reading import opened_of
from usage.bodies.sealing import Unreadable
from usage.bodies.setting import set_bound
from usage.bodies.tables import Body, BodyKey, Unkept

pytestmark = pytest.mark.django_db(transaction=True)
SECRET = "The merger is called Nightingale."
ASK = {"model": "echo-model", "messages": [{"role": "user", "content": SECRET}]}
BOTH = Keeping(prompts=True, answers=True)


def ask(client: httpx.Client, **more: object) -> httpx.Response:
    answer = client.post("/v1/chat/completions", json=ASK | more)
    assert answer.status_code == 200, answer.text
    return answer


def test_it_keeps_nothing_unless_somebody_says_so(client: httpx.Client) -> None:
    ask(client)
    kept(1)
    assert not Body.objects.exists() and not BodyKey.objects.exists()


def test_it_keeps_what_was_asked_and_what_was_answered(team: Cast, client: httpx.Client, tmp_path: Path) -> None:
    keep(team.environment(), BOTH, team.olivia)
    answer = ask(client, user="customer 7")
    [body] = stored()
    call = kept(1).get()
    opened = opened_of(body)
    assert body.pk == call.pk and body.environment == call.environment and body.form == "chat"
    assert orjson.loads(opened.prompt or b"") == ASK | {"user": "customer 7"} and opened.answer == answer.content
    raw = bytes(body.prompt or b"") + bytes(body.answer or b"")
    assert SECRET.encode() not in raw and b"customer 7" not in raw and "customer" not in "".join(body.end_user_hashes)
    assert (body.erase_at - body.started_at).days == 30


def test_a_stream_is_kept_as_it_was_told(team: Cast, client: httpx.Client) -> None:
    keep(team.environment(), BOTH, team.olivia)
    with client.stream("POST", "/v1/chat/completions", json=ASK | {"stream": True}) as answer:
        told = b"".join(answer.iter_raw())
    [body] = stored()
    assert opened_of(body).answer == told and told.endswith(b"data: [DONE]\n\n") and body.is_streamed


def test_the_client_of_openai_is_none_the_wiser(team: Cast, sdk: openai.OpenAI) -> None:
    keep(team.environment(), BOTH, team.olivia)
    answer = sdk.chat.completions.create(model="echo-model", messages=HELLO)  # type: ignore[arg-type]
    assert orjson.loads(opened_of(stored()[0]).answer or b"")["id"] == answer.id


@pytest.mark.parametrize("part", ["prompts", "answers"])
def test_one_part_alone_is_kept(team: Cast, client: httpx.Client, part: str) -> None:
    keep(team.environment(), Keeping(prompts=part == "prompts", answers=part == "answers"), team.olivia)
    ask(client)
    opened = opened_of(stored()[0])
    assert (opened.prompt is not None, opened.answer is not None) == (part == "prompts", part == "answers")


def test_only_calls_that_failed(team: Cast, client: httpx.Client, provider: Provider) -> None:
    keep(team.environment(), Keeping(prompts=True, answers=True, only_failed=True), team.olivia)
    ask(client)
    provider.behaves(answers(400, b'{"error": {"message": "no"}}'))
    client.post("/v1/chat/completions", json=ASK | {"user": "second"})
    kept(2)
    [body] = stored()
    assert body.has_failed and b"second" in (opened_of(body).prompt or b"")


def test_what_is_larger_is_cut_and_marked(team: Cast, client: httpx.Client, settings: Settings) -> None:
    settings.GATEWAY_LARGEST_KEPT = 2000
    keep(team.environment(), BOTH, team.olivia)
    ask(client, messages=[{"role": "user", "content": "x" * 5000}])
    [body] = stored()
    opened = opened_of(body)
    assert body.is_prompt_cut and len(opened.prompt or b"") == 2000 and body.prompt_bytes > 5000


def test_pictures_are_kept_as_what_they_were(team: Cast, client: httpx.Client) -> None:
    keep(team.environment(), BOTH, team.olivia)
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGVsbG8="}}
    ask(client, messages=[{"role": "user", "content": [{"type": "text", "text": "What is it?"}, picture]}])
    told = orjson.loads(opened_of(stored()[0]).prompt or b"")["messages"][0]["content"][1]["image_url"]["url"]
    assert told == {"atrium_media": {"type": "image/png", "bytes": 5, "sha256": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b16"
                                     "1e5c1fa7425e73043362938b9824"}}  # fmt: skip


def test_pictures_are_kept_whole_where_that_is_wanted(team: Cast, client: httpx.Client) -> None:
    keep(team.environment(), Keeping(prompts=True, answers=True, media=True), team.olivia)
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGVsbG8="}}
    ask(client, messages=[{"role": "user", "content": [picture]}])
    [body] = stored()
    assert body.has_media and b"base64,aGVsbG8=" in (opened_of(body).prompt or b"")
    ask(client)
    assert [each.has_media for each in stored(2)] == [True, False]


def test_the_platform_may_keep_tenants_from_it(team: Cast, client: httpx.Client) -> None:
    set_bound(kind="development", is_allowed=False, most_days=1, by=team.pat)
    keep(team.environment(), BOTH, team.olivia)
    ask(client)
    kept(1)
    set_bound(kind="development", is_allowed=True, most_days=3, by=team.pat)
    eventually(lambda: getattr(kept_at(team.environment()), "days", 0) == 3, 10)
    ask(client)
    [body] = stored()
    assert (body.erase_at - body.started_at).days == 3


def test_content_does_not_open_at_another_call_or_part(team: Cast, client: httpx.Client) -> None:
    keep(team.environment(), BOTH, team.olivia)
    ask(client)
    ask(client)
    one, other = stored(2)
    Body.objects.filter(pk=one.pk).update(prompt=other.prompt, answer=other.prompt)
    with pytest.raises(Unreadable):
        opened_of(Body.objects.get(pk=one.pk))
    Body.objects.filter(pk=one.pk).update(prompt=None)
    with pytest.raises(Unreadable):
        opened_of(Body.objects.get(pk=one.pk))


@pytest.fixture
def no_room(settings: Settings) -> None:
    settings.GATEWAY_BODY_SPOOL = 10


def test_a_full_spool_costs_content_and_no_call(no_room: None, team: Cast, client: httpx.Client) -> None:
    keep(team.environment(), BOTH, team.olivia)
    ask(client)
    kept(1)
    eventually(lambda: Unkept.objects.filter(tenant=team.acme, calls=1).exists(), 10)
    assert not Body.objects.exists()
    assert "atrium_bodies_unkept_total" in client.get("/metrics").text


def test_a_folder_that_cannot_be_written_costs_content_and_no_call(
    team: Cast, client: httpx.Client, tmp_path: Path
) -> None:
    keep(team.environment(), BOTH, team.olivia)
    (tmp_path / "journal" / "content").write_text("in the way")
    ask(client)
    kept(1)
    eventually(lambda: Unkept.objects.filter(tenant=team.acme, calls=1).exists(), 10)


def test_while_the_database_refuses_it_waits_on_the_disk_without_plain_text(
    team: Cast, client: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(team.environment(), BOTH, team.olivia)
    monkeypatch.setattr(keeper, "CARRY_EVERY_S", 0.05)
    monkeypatch.setattr(keeper, "BACK_OFF_S", 0.05)

    def away(records: object) -> int:
        raise ConnectionError("away")

    with monkeypatch.context() as without:
        without.setattr(keeper, "store", away)
        ask(client)
        kept(1)
        spooled = eventually(lambda: list((tmp_path / "journal" / "content").glob("*/*.jsonl")), 10)
        written = b"".join(each.read_bytes() for each in spooled)
        assert written and SECRET.encode() not in written and b"Nightingale" not in written
        assert not Body.objects.exists()
    stored(1)
    eventually(lambda: not list((tmp_path / "journal" / "content").glob("*/*.jsonl")), 10)
