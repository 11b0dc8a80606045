"""What the migration to kinds of endpoints makes of the providers that were connected before it."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.apps import apps

from catalog.models import Provider

pytestmark = pytest.mark.django_db

MIGRATION = import_module("catalog.migrations.0005_kinds_of_endpoints")


def connected(slug: str, base_url: str, dialect: str = "openai") -> str:
    return Provider.objects.create(slug=slug, name=slug, base_url=base_url, dialect=dialect).slug


def kinds() -> dict[str, str]:
    return dict(Provider.objects.filter(slug__startswith="of-").values_list("slug", "dialect"))


def test_who_speaks_in_a_form_of_its_own_is_known_by_its_host_and_back() -> None:
    connected("of-anthropic", "https://API.anthropic.com/v1")
    connected("of-openai", "https://api.openai.com:443/v1")
    connected("of-another", "https://api.openai.com.example.test/v1")
    connected("of-nothing", "")
    connected("of-nonsense", "https://[::1/v1")
    connected("of-here", "http://127.0.0.1:9/v1", "local")
    before = kinds()
    MIGRATION.name_kinds(apps, None)
    assert kinds() == before | {"of-anthropic": "anthropic", "of-openai": "openai_platform"}
    Provider.objects.filter(slug="of-another").update(dialect="bedrock")
    MIGRATION.forget_kinds(apps, None)
    assert kinds() == before
