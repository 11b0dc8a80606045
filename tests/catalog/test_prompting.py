"""How prompts are put for a deployment is said by the platform team, on a page or by the API, and never wrongly."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from audit.models import Entry
from catalog.models import Deployment, Provider
from tenants.changes import ChangeNote
from tenants.seen import mark_of
from tests.cast import Cast, route

ENDLESS = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
TEMPLATE = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}"


@pytest.fixture
def deployment(cast: Cast) -> Deployment:
    return route().targets.get().deployment


@pytest.fixture
def pat(cast: Cast, client: Client) -> Client:
    client.force_login(cast.pat)
    return client


def patch(client: Client, deployment: Deployment, **prompting: Any) -> Any:
    return client.patch(f"/api/deployments/{deployment.pk}/", {"prompting": prompting}, "application/json")


def held(deployment: Deployment) -> Any:
    deployment.refresh_from_db()
    return deployment.prompting


def test_it_is_said_by_the_api(pat: Client, deployment: Deployment) -> None:
    answer = patch(pat, deployment, template="own", own_template=TEMPLATE, stops=["\nUser:"], merges=True)
    told = answer.json()["prompting"]
    assert answer.status_code == 200 and (told["template"], told["merges"], told["system"]) == ("own", True, "")
    assert told["stops"] == ["\nUser:"] and told["own_template"] == TEMPLATE
    assert held(deployment) == {"template": "own", "own_template": TEMPLATE, "stops": ["\nUser:"], "merges": True}
    entry = Entry.objects.get(verb="deployment.prompting_set")
    assert entry.subject_id == str(deployment.pk) and ChangeNote.objects.filter(kind="route").exists()
    assert patch(pat, deployment, **told).json()["prompting"] == told  # what was told may be sent back
    assert Entry.objects.filter(verb="deployment.prompting_set").count() == 1  # the same again changes nothing
    assert patch(pat, deployment).status_code == 200 and held(deployment) == {}


def test_what_is_said_beside_it_leaves_it(pat: Client, deployment: Deployment) -> None:
    patch(pat, deployment, system="none")
    answer = pat.patch(f"/api/deployments/{deployment.pk}/", {"region": "eu"}, "application/json")
    assert answer.json()["prompting"]["system"] == "none"


def test_it_is_said_on_a_page(pat: Client, deployment: Deployment) -> None:
    at = f"/platform/deployments/{deployment.pk}/prompts/"
    said = {
        "seen": mark_of({}),
        "template": "own",
        "own_template": TEMPLATE.replace("}[", "}\r\n["),
        "stops": "END\r\n\\nUser:\r\n",
        "bos": "<s>",
    }
    answer = pat.post(at, said)
    assert answer.status_code == 302 and answer["Location"] == "/catalog/models/echo-model/?tab=prompts"
    assert held(deployment) == {
        "template": "own", "own_template": TEMPLATE.replace("}[", "}\n["), "stops": ["END", "\nUser:"], "bos": "<s>",
    }  # fmt: skip
    page = pat.get(at).content.decode()
    assert "END\n\\nUser:" in page and "for m in messages" in page
    assert "put in a way of its own" in pat.get(f"/platform/deployments/{deployment.pk}/").content.decode()


def test_of_two_who_say_it_at_once_the_second_is_told(pat: Client, deployment: Deployment) -> None:
    at = f"/platform/deployments/{deployment.pk}/prompts/"
    seen = mark_of({})
    assert f'name="seen" value="{seen}"' in pat.get(at).content.decode()
    patch(pat, deployment, tools="refused")
    told = pat.post(at, {"seen": seen, "system": "none"})
    text, now = told.content.decode(), mark_of({"tools": "refused"})
    assert told.status_code == 422 and "Somebody else changed how prompts are put" in text
    assert held(deployment) == {"tools": "refused"} and f'name="seen" value="{now}"' in text
    assert pat.post(at, {"seen": now, "system": "none", "tools": "refused"}).status_code == 302
    assert held(deployment) == {"system": "none", "tools": "refused"}


def test_a_template_that_is_none_is_refused_with_its_line(pat: Client, deployment: Deployment) -> None:
    broken = "[{{ messages[0].content }}]\n{% for m in messages %}\n{{ m.content"
    typed = {"seen": mark_of({}), "template": "own", "own_template": broken}
    answer = pat.post(f"/platform/deployments/{deployment.pk}/prompts/", typed)
    assert answer.status_code == 422 and "cannot be used. Line 3 of it: unexpected" in answer.content.decode()
    told = patch(pat, deployment, template="own", own_template=broken)
    assert told.status_code == 422 and "Line 3 of it" in told.content.decode() and not held(deployment)


@pytest.mark.parametrize(
    ("prompting", "field", "said"),
    [
        ({"template": "own"}, "own_template", "Put the chat template here"),
        ({"template": "own", "own_template": "Hello."}, "own_template", "leaves out what the user says"),
        (
            {"template": "own", "own_template": "{{ raise_exception('never') }}"}, "own_template",
            "does not take the simplest conversation. The chat template says: never.",
        ),
        (
            {"template": "own", "own_template": ENDLESS},
            "own_template", "The chat template takes",
        ),
        ({"template": "own", "own_template": "{{ ''.__class__.__mro__ }}"}, "own_template", "unsafe"),
        ({"template": "chatml", "prefill": "continued"}, "prefill", "simply goes on"),
        ({"template": "unheard"}, "template", "unheard"),
        ({"stops": ["x"] * 9}, "stops", "8"),
        ({"systems": "none"}, "systems", "Did you mean “system”?"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_and_says_where(
    pat: Client, deployment: Deployment, prompting: Any, field: str, said: str
) -> None:
    answer = patch(pat, deployment, **prompting)
    assert answer.status_code == 422 and field in answer.content.decode() and said in answer.content.decode()
    assert not held(deployment)


@pytest.mark.parametrize(
    ("kind", "prompting", "said"),
    [
        ("anthropic", {"system": "developer"}, "has a place of its own for what the system says (“system”)"),
        ("gemini", {"system": "system"}, "“systemInstruction”"),
        ("anthropic", {"template": "chatml"}, "has no completions of texts"),
        ("mistral", {"template": "chatml"}, "has no completions of texts"),
        ("cohere", {"prefill": "continued"}, "Only servers that speak as OpenAI does"),
    ],
)
def test_what_its_kind_of_provider_has_not_is_refused(
    pat: Client, deployment: Deployment, kind: str, prompting: Any, said: str
) -> None:
    Provider.objects.filter(slug="echo").update(dialect=kind)
    answer = patch(pat, deployment, **prompting)
    assert answer.status_code == 422 and said in answer.content.decode() and not held(deployment)
    assert patch(pat, deployment, system="none", tools="refused").status_code == 200


def test_signs_of_no_template_are_not_kept(pat: Client, deployment: Deployment) -> None:
    patch(pat, deployment, system="none", bos="<s>", stops=["END"], own_template="x")
    assert held(deployment) == {"system": "none"}
