"""A tenant's file on screen and in the API: looked at as a plan, and what is applied is what was seen."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from audit.models import Entry
from tenants.memberships import add_member
from tenants.models import Membership, Project, Tenant
from tests.cast import Cast, person
from tests.portal.test_api import Caller, ok, refused

pytestmark = pytest.mark.django_db

HEAD = "schema: 1\ntenant: acme\n"
AT = "/tenants/acme/structure/"


@pytest.fixture
def olivia(cast: Cast) -> Client:
    client = Client()
    client.force_login(cast.olivia)
    return client


def confirmed(client: Client, page: Any) -> Any:
    """Press what the page of a plan offers, with all that its form carries."""
    html = page.content.decode()
    fingerprint = re.search(r'name="fingerprint" value="([0-9a-f]{64})"', html)
    assert fingerprint, html
    sent = {"text": page.context["text"], "fingerprint": fingerprint[1]}
    return client.post(f"{AT}apply/", sent | ({"prune": "on"} if 'name="prune"' in html else {}))


def test_it_works(cast: Cast, olivia: Client) -> None:
    assert f'href="{AT}"' in olivia.get("/tenants/acme/settings/").content.decode()
    text = olivia.get(AT).context["form"].initial["text"]
    assert "tenant: acme" in text and "person: dev" in text
    page = olivia.post(AT, {"text": text.replace("name: Support", "name: Help desk")})
    html = page.content.decode()
    assert "<del>Support</del>" in html and "<ins>Help desk</ins>" in html
    assert Project.objects.get(slug="support").name == "Support", "nothing is done yet"
    done = confirmed(olivia, page)
    assert done.status_code == 302 and Project.objects.get(slug="support").name == "Help desk"
    assert (
        "Nothing to change"
        in olivia.post(AT, {"text": olivia.get(AT).context["form"].initial["text"]}).content.decode()
    )


def test_the_file_is_taken_along_and_uploaded_again(olivia: Client) -> None:
    taken = olivia.get(f"{AT}tenant.yaml")
    assert taken["Content-Disposition"] == 'attachment; filename="acme.yaml"'
    assert Entry.objects.get(verb="export.taken", subject_id="structure").subject_label == "YAML of structure"
    page = olivia.post(AT, {"file": SimpleUploadedFile("acme.yaml", taken.content), "prune": "on"})
    assert page.status_code == 200 and "Nothing to change" in page.content.decode()


def test_what_is_wrong_is_told_with_its_line_and_what_was_typed_stays(olivia: Client) -> None:
    page = olivia.post(AT, {"text": f"{HEAD}naem: <b>x</b>\nlimits: {{requests: 0}}\n"})
    html = page.content.decode()
    assert page.status_code == 422 and "Line 3: There is no field “naem” here. Did you mean “name”?" in html
    assert "Line 4: This is a whole number" in html and "naem: &lt;b&gt;x" in html
    assert olivia.post(AT, {}).status_code == 422
    other = olivia.post(AT, {"text": "schema: 1\ntenant: globex\n"})
    assert other.status_code == 422 and "The file is of “globex”, and this is acme." in other.content.decode()
    assert olivia.post(AT, {"file": SimpleUploadedFile("x.yaml", b"\xff\xfe")}).status_code == 422


def test_back_from_the_plan_what_was_typed_is_there(olivia: Client) -> None:
    page = olivia.post(AT, {"text": f"{HEAD}name: Typed\n", "prune": "on", "edit": "yes"})
    assert page.status_code == 200 and "name: Typed" in page.content.decode() and "checked" in page.content.decode()


def test_a_plan_that_is_not_the_one_that_was_seen_is_shown_instead(cast: Cast, olivia: Client) -> None:
    page = olivia.post(AT, {"text": f"{HEAD}members: [{{person: vera, role: analyst}}]\n"})
    add_member(tenant=cast.acme, user=cast.vera, role="billing", by=cast.olivia)
    stale = confirmed(olivia, page)
    html = stale.content.decode()
    assert stale.status_code == 409 and "This is not the plan that you saw" in html and "<del>billing</del>" in html
    assert Membership.objects.get(user=cast.vera).role == "billing"
    assert confirmed(olivia, stale).status_code == 302
    assert Membership.objects.get(user=cast.vera).role == "analyst"


def test_another_file_under_the_fingerprint_of_the_one_that_was_seen_is_not_applied(olivia: Client) -> None:
    page = olivia.post(AT, {"text": f"{HEAD}name: Seen\n"})
    fingerprint = page.context["plan"].fingerprint
    sent = {"text": f"{HEAD}name: Slipped in\n", "fingerprint": fingerprint}
    assert olivia.post(f"{AT}apply/", sent).status_code == 409
    assert Tenant.objects.get(slug="acme").name == "Acme"


def test_names_are_written_as_text(cast: Cast, olivia: Client) -> None:
    bad = "</textarea><script>alert(1)</script>"
    text = f"{HEAD}name: '{bad}'\nprojects: {{support: {{purpose: '{bad}'}}}}\n"
    page = olivia.post(AT, {"text": text})
    assert "<script>alert" not in page.content.decode()
    confirmed(olivia, page)
    assert "<script>alert" not in olivia.get(AT).content.decode()


def test_who_may_not_do_all_of_it_is_told_which(cast: Cast) -> None:
    adam, client = person("adam"), Client()
    add_member(tenant=cast.acme, user=adam, role="admin", by=cast.olivia)
    client.force_login(adam)
    text = f"{HEAD}name: Mine\nmembers: [{{person: ned, role: viewer}}]\n"
    page = client.post(AT, {"text": text})
    html = page.content.decode()
    assert "1 of 2 steps needs more than your role allows" in html and "Apply 2 steps" not in html
    assert "“Change the tenant&#x27;s settings and projects”" in html
    sent = {"text": text, "fingerprint": page.context["plan"].fingerprint}
    assert client.post(f"{AT}apply/", sent).status_code == 403
    assert not Membership.objects.filter(user=cast.ned).exists()


def test_a_program_looks_and_applies_what_it_saw(cast: Cast) -> None:
    caller = Caller(cast.olivia)
    text = caller.get("tenants/acme/structure/")["document"]
    text += "- {person: fresh@example.test, role: viewer}\n"
    seen = ok(caller.post("tenants/acme/plan/", document=text))
    assert seen["sentence"] == "1 created." and seen["steps"] == [
        {
            "action": "create", "kind": "invitation", "name": "fresh@example.test", "refused": "",
            "changes": [{"field": "role", "before": None, "after": "viewer"}],
        }
    ]  # fmt: skip
    refused(caller.post("tenants/acme/apply/", document=text, fingerprint="0" * 64), 409, "plan_is_stale")
    done = ok(caller.post("tenants/acme/apply/", document=text, fingerprint=seen["fingerprint"]))
    assert done["steps"] == seen["steps"]
    assert ok(caller.post("tenants/acme/plan/", document=text, prune=True))["sentence"] == "Nothing to change."


def test_a_program_is_told_every_line_to_mend(cast: Cast) -> None:
    caller = Caller(cast.olivia)
    problem = refused(caller.post("tenants/acme/plan/", document=f"{HEAD}x: 1\ny: 2\n"), 422, "file_not_understood")
    assert [each["line"] for each in problem["problems"]] == [3, 4]
    assert problem["detail"].startswith("Line 3: There is no field “x” here.")
    refused(caller.post("tenants/acme/plan/", document=HEAD, purne=True), 422)
    refused(Caller(cast.dev).post("tenants/acme/plan/", document=HEAD), 403)
    refused(Caller(cast.greta).post("tenants/acme/plan/", document=HEAD), 404)
    limits = f"{HEAD}limits: {{requests: 5}}\n"
    seen = ok(caller.post("tenants/acme/plan/", document=limits))
    assert "platform team and FinOps" in seen["steps"][0]["refused"]
    refused(caller.post("tenants/acme/apply/", document=limits, fingerprint=seen["fingerprint"]), 403, "steps_refused")


def test_a_person_of_another_tenant_is_found_by_name_and_nothing_else_of_theirs(cast: Cast, olivia: Client) -> None:
    """Names of people are known to whoever manages members, as on the page of members; a tenant's are not."""
    page = olivia.post(
        AT, {"text": f"{HEAD}projects: {{secret: {{name: Ours}}}}\nmembers: [{{person: greta, role: viewer}}]\n"}
    )
    assert confirmed(olivia, page).status_code == 302
    assert Project.objects.get(tenant=cast.globex).name == "Secret"
    assert Project.objects.get(tenant=cast.acme, slug="secret").name == "Ours"
