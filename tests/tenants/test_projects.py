"""A project is given another name and purpose; its short name stays."""

from __future__ import annotations

import pytest
from django.test import Client

from audit.models import Entry
from tenants import archiving
from tests.cast import Cast
from tests.tenants.test_invitations import signed_in

pytestmark = pytest.mark.django_db
CHANGED = {"name": "Customer care", "purpose": "Drafts answers"}


@pytest.fixture
def olivia(cast: Cast) -> Client:
    return signed_in(cast.olivia)


@pytest.fixture
def page(cast: Cast) -> str:
    return f"/tenants/acme/projects/{cast.project.pk}/"


def test_it_works(cast: Cast, olivia: Client, page: str) -> None:
    assert page in olivia.get("/tenants/acme/projects/").content.decode()
    assert "Support" in olivia.get(page).content.decode()
    assert olivia.post(page, CHANGED | {"slug": "other"}).status_code == 302
    shown = olivia.get("/tenants/acme/projects/").content.decode()
    assert "Customer care" in shown and "Drafts answers" in shown and "acme/support" in shown
    entry = Entry.objects.get(verb="project.changed")
    assert entry.facts["before"] == {"name": "Support", "purpose": ""}
    assert entry.facts["name"] == "Customer care" and entry.actor_label == "Olivia"


def test_the_api_does_the_same(cast: Cast, olivia: Client) -> None:
    place = f"/api/projects/{cast.project.pk}/"
    told = olivia.patch(place, {"purpose": "Drafts answers"}, "application/json").json()
    assert (told["name"], told["purpose"], told["slug"]) == ("Support", "Drafts answers", "support")
    assert olivia.patch(place, {"slug": "other"}, "application/json").status_code == 422
    assert olivia.patch(place, {"tenant": "globex"}, "application/json").status_code == 422


def test_nothing_is_written_where_nothing_changes(cast: Cast, olivia: Client, page: str) -> None:
    olivia.post(page, {"name": " Support ", "purpose": ""})
    assert not Entry.objects.filter(verb="project.changed").exists()


def test_a_name_is_needed_and_not_too_long(olivia: Client, page: str) -> None:
    for name in ("", "  ", "x" * 121):
        assert olivia.post(page, {"name": name}).status_code == 422


def test_what_is_archived_is_read_and_not_changed(cast: Cast, olivia: Client, page: str) -> None:
    archiving.archive_project(project=cast.project, by=cast.olivia)
    assert "Save" not in olivia.get(page).content.decode()
    told = olivia.patch(f"/api/projects/{cast.project.pk}/", CHANGED, "application/json")
    assert told.status_code == 409 and told.json()["code"] == "project_archived"
