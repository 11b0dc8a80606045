"""The playground's pages for everybody: who sees what, and what they can do next."""

from __future__ import annotations

import json
import re
from uuid import uuid4

import pytest
from django.test import Client

from access.asking import request_access
from access.models import Grant
from audit.models import Entry
from playground.models import Answer, Session, Turn
from tenants.models import Environment, User
from tests.cast import Cast, route

HTMX = {"HX-Request": "true"}


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def page(user: User, path: str, **headers: str) -> str:
    response = signed_in(user).get(path, headers=headers)
    assert response.status_code == 200, (path, response.status_code)
    return str(response.content.decode())


def grant(cast: Cast, slug: str, kind: str = "development") -> None:
    environment = cast.environment(kind)
    Grant.objects.create(tenant=environment.tenant, environment=environment, route=route(slug))


def session_of(
    cast: Cast, owner: User, *routes: str, environment: Environment | None = None, **more: object
) -> Session:
    where = environment or cast.environment()
    columns = [{"key": key, "route": slug, "system": "", "parameters": {}} for key, slug in enumerate(routes, start=1)]
    return Session.objects.create(
        tenant=where.tenant, environment=where, owner=owner, columns=columns, **{"name": "My experiment", **more}
    )


def said(session: Session, prompt: str = "Which?", *texts: str) -> Turn:
    turn = Turn.objects.create(session=session, position=session.turns.count() + 1, prompt=prompt)
    for column, text in zip(session.columns, texts, strict=True):
        Answer.objects.create(turn=turn, column=column["key"], route=column["route"], text=text, state="done")
    return turn


def test_it_works(cast: Cast) -> None:
    grant(cast, "gpt-x")
    text = page(cast.dev, "/playground/")
    assert 'name="c1-route" value="gpt-x"' in text
    assert "$1.00" in text
    assert "Development · Support" in text


def test_the_catalog_opens_it_with_models_and_a_prompt(cast: Cast) -> None:
    grant(cast, "gpt-x")
    route("gpt-y")
    text = page(cast.dev, "/playground/?m=gpt-x&m=gpt-y&prompt=Hello+%3Cb%3E+%F0%9F%91%8B")
    assert 'name="c1-route" value="gpt-x"' in text
    assert 'name="c2-route" value="gpt-y"' in text
    assert "Hello &lt;b&gt; 👋" in text
    assert "may not use this model in development yet" in text


def test_a_link_to_a_model_keeps_the_environment_and_offers_the_one_where_it_is_granted(cast: Cast) -> None:
    grant(cast, "gpt-x")
    grant(cast, "gpt-y", "production")
    text = page(cast.dev, "/playground/?m=gpt-y")
    assert '<option value="acme/support/development" selected>' in text
    assert "may not use this model in development yet" in text
    assert "It is granted in Production · Support" in text
    assert 'data-work-in="acme/support/production"' in text


def test_after_asking_the_head_and_the_picker_tell_of_the_request(cast: Cast) -> None:
    made = route("gpt-x")
    asked = request_access(environment=cast.environment(), route=made, purpose="Try it", by=cast.dev)
    text = page(cast.dev, "/playground/?m=gpt-x&environment=acme/support/development")
    assert f'href="{asked.get_absolute_url()}" target="_blank">R-{asked.number} waits for the Risk board</a>' in text
    assert "Request access" not in text
    picker = page(cast.dev, "/playground/models/?environment=acme/support/development")
    assert "asked for" in picker and "request needed" not in picker


def test_production_is_never_where_one_begins_unless_there_is_nothing_else(cast: Cast) -> None:
    grant(cast, "gpt-y", "production")
    assert '<option value="acme/support/development" selected>' in page(cast.dev, "/playground/")
    cast.project.environments.exclude(kind="production").delete()
    assert '<option value="acme/support/production" selected>' in page(cast.dev, "/playground/")


def frame(text: str) -> list[str]:
    """The environments that the top bar, the switcher and the playground's own switch show."""
    found = [re.search(pattern, text, re.DOTALL) for pattern in (
        r'<header class="at-top at-env-(\w+)"', r'class="at-where at-env-(\w+)"', r'id="where-badge">.*?at-env-(\w+)',
        r'class="pg at-env-(\w+)"', r'<option value="[^"]*/(\w+)" selected>',
    )]  # fmt: skip
    return [match.group(1) for match in found if match]


def test_the_frame_shows_the_environment_in_which_the_playground_acts(cast: Cast) -> None:
    grant(cast, "gpt-x")
    assert frame(page(cast.dev, "/playground/")) == ["development"] * 5
    assert frame(page(cast.dev, "/playground/?environment=acme/support/production")) == ["production"] * 5
    session = session_of(cast, cast.dev, "gpt-x", environment=cast.environment("test"))
    assert frame(page(cast.dev, session.get_absolute_url())) == ["test"] * 5


def test_the_playgrounds_own_switch_is_a_choice_where_to_work(cast: Cast) -> None:
    grant(cast, "gpt-x")
    client = signed_in(cast.dev)
    form = {"act": "environment", "environment": "acme/support/production", "column": "1", "c1-route": "gpt-x"}
    answer = client.post("/playground/columns/", form, headers=HTMX)
    text = answer.content.decode()
    assert "may not use this model in production yet" in text and "Switch to development" in text
    assert 'hx-target="#where-badge"' in text and 'hx-target="#where-names"' in text
    assert json.loads(answer.headers["HX-Trigger"]) == {"at:where": {"kind": "production"}}
    assert frame(client.get("/playground/").content.decode()) == ["production"] * 5
    assert frame(client.get("/").content.decode()) == ["production"] * 3


def test_more_than_four_models_open_as_four(cast: Cast) -> None:
    text = page(cast.dev, "/playground/?" + "&".join(f"m=model-{n}" for n in range(9)))
    assert text.count('class="pg-column"') == 4
    assert "No model is offered under the name “model-0”" in text


def test_a_newcomer_is_told_how_to_get_in(cast: Cast) -> None:
    text = page(cast.ned, "/playground/?m=gpt-x")
    assert "You need a team to try models with" in text
    assert "/tenants/" in text
    assert "gpt-x" in text


def test_a_viewer_is_told_which_roles_can_and_who_gives_them(cast: Cast) -> None:
    text = page(cast.vera, "/playground/")
    assert "Your role does not include calling models" in text
    assert "/tenants/acme/" in text


def test_a_member_of_a_tenant_without_projects_is_told_what_is_missing(cast: Cast) -> None:
    cast.project.environments.all().delete()
    assert "There is no project to call models in yet" in page(cast.dev, "/playground/")


def test_a_session_belongs_to_its_owner_alone(cast: Cast) -> None:
    session = session_of(cast, cast.dev, "gpt-x")
    turn = said(session, "A secret question", "A secret answer")
    answer = turn.answers.get()
    assert "A secret answer" in page(cast.dev, f"/playground/{session.pk}/")
    for other in (cast.olivia, cast.vera, cast.greta, cast.ned):
        client = signed_in(other)
        for path in ("", "history/", "toolbar/", "vote-bar/"):
            missing = client.get(f"/playground/{uuid4()}/{path}")
            found = client.get(f"/playground/{session.pk}/{path}")
            assert (found.status_code, missing.status_code) == (404, 404)
        assert client.get(f"/playground/answers/{answer.pk}/").status_code == 404
        for verb in ("rename", "pin", "share", "reveal", "vote", "delete", "stop"):
            assert client.post(f"/playground/{session.pk}/{verb}/").status_code == 404, verb
    assert Session.objects.filter(pk=session.pk, is_shared=False, name="My experiment").exists()


def test_a_shared_session_is_read_by_members_and_nobody_else(cast: Cast) -> None:
    session = session_of(cast, cast.dev, "gpt-x")
    said(session, "A question", "An answer")
    client = signed_in(cast.dev)
    assert client.post(f"/playground/{session.pk}/share/", {"shared": "1"}, headers=HTMX).status_code == 200
    text = page(cast.vera, f"/playground/{session.pk}/")
    assert "An answer" in text and "shared by" in text
    assert 'id="run"' not in text and "pg-again" not in text
    assert "Try it yourself" not in text
    assert "Try it yourself" in page(cast.olivia, f"/playground/{session.pk}/")
    assert signed_in(cast.greta).get(f"/playground/{session.pk}/").status_code == 404
    assert signed_in(cast.vera).post(f"/playground/{session.pk}/rename/", {"name": "x"}).status_code == 404
    assert Entry.objects.filter(verb="session.shared", subject_id=str(session.pk)).count() == 1
    client.post(f"/playground/{session.pk}/share/", {"shared": "0"}, headers=HTMX)
    assert signed_in(cast.vera).get(f"/playground/{session.pk}/").status_code == 404


def test_a_session_of_a_tenant_one_left_is_gone(cast: Cast) -> None:
    session = session_of(cast, cast.dev, "gpt-x")
    from tenants.memberships import remove_member
    from tenants.models import Membership

    remove_member(membership=Membership.objects.get(user=cast.dev), by=cast.olivia)
    assert signed_in(cast.dev).get(f"/playground/{session.pk}/").status_code == 404


def test_sessions_are_found_by_name_prompt_and_answer(cast: Cast) -> None:
    first = session_of(cast, cast.dev, "gpt-x", name="Claims triage")
    said(first, "Sort these letters", "Sorted alphabetically")
    session_of(cast, cast.dev, "gpt-x", name="Poems")
    session_of(cast, cast.olivia, "gpt-x", name="Claims of somebody else")
    for text in ("claims", "LETTERS", "alphabetically sorted", "triage letters"):
        found = page(cast.dev, f"/playground/sessions/?q={text}", **HTMX)
        assert "Claims triage" in found, text
        assert "Poems" not in found and "somebody else" not in found
    assert "No session contains “nothing like it”" in page(cast.dev, "/playground/sessions/?q=nothing+like+it", **HTMX)
    assert "Poems" in page(cast.dev, "/playground/sessions/?q=%00", **HTMX)


def test_a_pinned_session_comes_first_and_a_new_name_is_shown(cast: Cast) -> None:
    session = session_of(cast, cast.dev, "gpt-x", name="Old")
    session_of(cast, cast.dev, "gpt-x", name="Newer")
    client = signed_in(cast.dev)
    client.post(f"/playground/{session.pk}/pin/", {"pinned": "1"}, headers=HTMX)
    client.post(f"/playground/{session.pk}/rename/", {"name": "  Renamed \x00 "}, headers=HTMX)
    listed = page(cast.dev, "/playground/sessions/", **HTMX)
    assert listed.index("Renamed") < listed.index("Newer")
    assert client.post(f"/playground/{session.pk}/rename/", {"name": " "}, headers=HTMX).status_code == 422
    assert client.post(f"/playground/{session.pk}/rename/", {"name": "x" * 121}, headers=HTMX).status_code == 422
    assert set(Entry.objects.filter(subject_id=str(session.pk)).values_list("verb", flat=True)) == {
        "session.pinned", "session.renamed",
    }  # fmt: skip


def test_a_deleted_session_is_gone_and_the_audit_remembers_it(cast: Cast) -> None:
    session = session_of(cast, cast.dev, "gpt-x", name="Short-lived")
    said(session, "Q", "A")
    response = signed_in(cast.dev).post(f"/playground/{session.pk}/delete/", headers=HTMX)
    assert response["HX-Redirect"] == "/playground/"
    assert not Session.objects.exists() and not Answer.objects.exists()
    assert Entry.objects.get(verb="session.deleted").facts["turns"] == 1


def test_a_session_that_still_answers_is_not_deleted(cast: Cast) -> None:
    session = session_of(cast, cast.dev, "gpt-x")
    said(session, "Q", "A").answers.update(state="running")
    assert signed_in(cast.dev).post(f"/playground/{session.pk}/delete/", headers=HTMX).status_code == 409
    assert Session.objects.exists()


def test_the_picker_offers_usable_models_first_and_marks_the_rest(cast: Cast) -> None:
    route("a-locked-model")
    grant(cast, "z-usable-model")
    grant(cast, "only-in-test", "test")
    text = page(cast.dev, "/playground/models/?environment=acme/support/development&key=1", **HTMX)
    assert text.index("z-usable-model") < text.index("a-locked-model")
    assert text.count("request needed") == 2
    found = page(cast.dev, "/playground/models/?environment=acme/support/development&q=usable+Z", **HTMX)
    assert "z-usable-model" in found and "a-locked-model" not in found
    assert "No model matches “nonesuch”" in page(
        cast.dev, "/playground/models/?environment=acme/support/development&q=nonesuch", **HTMX
    )
    assert signed_in(cast.dev).get("/playground/models/?environment=globex/secret/development").status_code == 404
    assert signed_in(cast.vera).get("/playground/models/?environment=acme/support/development").status_code == 403


def form(*routes: str, **fields: object) -> dict[str, object]:
    values: dict[str, object] = {"environment": "acme/support/development", "column": [], **fields}
    for key, slug in enumerate(routes, start=1):
        values["column"].append(str(key))  # type: ignore[attr-defined]
        values[f"c{key}-route"] = slug
    return values


def test_columns_are_added_duplicated_removed_and_kept(cast: Cast) -> None:
    grant(cast, "gpt-x")
    session = session_of(cast, cast.dev, "gpt-x")
    client = signed_in(cast.dev)

    def act(act: str, *routes: str, **fields: object) -> str:
        sent = form(*routes, act=act, session=str(session.pk), **fields)
        response = client.post("/playground/columns/", sent, headers=HTMX)
        assert response.status_code == 200, response.content
        return str(response.content.decode())

    copied = act("duplicate", "gpt-x", key="1", **{"c1-temperature": "0.2"})
    assert 'hx-target="#column-1" hx-swap="afterend"' in copied and 'value="0.2"' in copied
    session.refresh_from_db()
    assert [(c["key"], c["parameters"]) for c in session.columns] == [
        (1, {"temperature": 0.2}), (2, {"temperature": 0.2}),
    ]  # fmt: skip
    assert 'hx-target="#columns" hx-swap="beforeend"' in act("add", "gpt-x", "gpt-x")
    assert 'hx-target="#column-1" hx-swap="delete"' in act("remove", "gpt-x", "gpt-x", key="1")
    session.refresh_from_db()
    assert [c["key"] for c in session.columns] == [2]
    kept = act("keep", "gpt-x", **{"c1-temperature": "9"})
    assert "Temperature must lie between 0 and 2." in kept
    full = client.post("/playground/columns/", form(*["gpt-x"] * 4, act="add"), headers=HTMX)
    assert full.status_code == 422
    last = client.post("/playground/columns/", form("gpt-x", act="remove", key="1"), headers=HTMX)
    assert last.status_code == 422


def test_another_environment_changes_what_may_be_used(cast: Cast) -> None:
    grant(cast, "gpt-x", "test")
    client = signed_in(cast.dev)
    sent = form("gpt-x", act="environment")
    assert "may not use this model in development yet" in client.post("/playground/columns/", sent).content.decode()
    sent["environment"] = "acme/support/test"
    told = client.post("/playground/columns/", sent).content.decode()
    assert "may not use" not in told
    assert "at-env-test" in told


def test_code_carries_the_conversation_and_the_right_key(cast: Cast) -> None:
    grant(cast, "gpt-x")
    session = session_of(cast, cast.dev, "gpt-x")
    said(session, "First question", "First answer")
    sent = form("gpt-x", session=str(session.pk), prompt="Then {{x}}?", **{"var-x": "why", "c1-seed": "7"})
    code = signed_in(cast.dev).post("/playground/code/", sent, headers=HTMX).content.decode()
    for expected in ("First answer", "Then why?", "ATRIUM_KEY_SUPPORT_DEVELOPMENT", "/v1/chat/completions", "seed=7"):
        assert expected in code, expected


def test_a_session_is_begun_anew_from_another_with_its_settings(cast: Cast) -> None:
    session = session_of(cast, cast.olivia, "gpt-x", is_shared=True)
    session.columns[0] |= {"system": "Be brief.", "parameters": {"temperature": 0.1}}
    session.save()
    said(session, "What is a claim?", "It is …")
    text = page(cast.dev, f"/playground/?from={session.pk}")
    assert "Be brief." in text and 'value="0.1"' in text and "What is a claim?" in text
    assert signed_in(cast.greta).get(f"/playground/?from={session.pk}").status_code == 404


def test_home_and_palette_lead_to_recent_sessions(cast: Cast) -> None:
    session = session_of(cast, cast.dev, "gpt-x", name="Quarterly letters")
    session_of(cast, cast.olivia, "gpt-x", name="Of somebody else")
    home = page(cast.dev, "/home/work/")
    assert "Quarterly letters" in home and "Of somebody else" not in home
    hits = page(cast.dev, "/palette/?q=quarterly")
    assert session.get_absolute_url() in hits
    assert "New playground session" in page(cast.dev, "/palette/?q=new+playground")
    assert signed_in(cast.dev).get("/playground/latest/")["Location"] == session.get_absolute_url()


@pytest.mark.django_db
def test_a_long_session_needs_as_few_queries_as_a_short_one(cast: Cast, django_assert_max_num_queries) -> None:
    grant(cast, "gpt-x")
    session = session_of(cast, cast.dev, "gpt-x", "gpt-x")
    for number in range(12):
        said(session, f"Question {number}", "One", "Two")
    client = signed_in(cast.dev)
    client.get("/")
    with django_assert_max_num_queries(24):
        assert client.get(f"/playground/{session.pk}/").status_code == 200


def test_a_column_says_which_purpose_its_access_is_for_until_one_is_stated(cast: Cast) -> None:
    grant(cast, "gpt-x")
    Grant.objects.update(conditions={"purposes": ["customer-support", "research"]})
    text = page(cast.dev, "/playground/?m=gpt-x")
    assert "<code>customer-support</code> or <code>research</code> only" in text
    session = session_of(cast, cast.dev, "gpt-x")
    session.columns[0]["parameters"] = {"purpose": "research"}
    session.save()
    text = page(cast.dev, session.get_absolute_url())
    assert "Access from here is for" not in text and 'value="research"' in text
