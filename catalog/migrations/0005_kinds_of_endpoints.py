"""The kinds of endpoints are those that the gateway knows; who speaks in a form of its own is said to, by its host."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.db import migrations, models

COMPATIBLE = "openai"
BY_HOST = {"api.anthropic.com": "anthropic", "api.openai.com": "openai_platform"}


def name_kinds(apps: Any, schema_editor: Any) -> None:
    """Anthropic's list of models, for one, does not answer who asks as a compatible endpoint is asked."""
    providers = apps.get_model("catalog", "Provider").objects
    for provider in providers.filter(dialect=COMPATIBLE).exclude(base_url=""):
        if kind := BY_HOST.get(_host(provider.base_url)):
            providers.filter(pk=provider.pk).update(dialect=kind)


def forget_kinds(apps: Any, schema_editor: Any) -> None:
    """Before, there were compatible endpoints and the local one."""
    apps.get_model("catalog", "Provider").objects.exclude(dialect="local").update(dialect=COMPATIBLE)


def _host(base_url: str) -> str:
    try:
        return urlsplit(base_url).hostname or ""
    except ValueError:
        return ""


class Migration(migrations.Migration):
    dependencies = [("catalog", "0004_import_jobs")]

    operations = [
        migrations.AlterField(
            model_name="provider",
            name="dialect",
            field=models.CharField(default="openai", help_text="how it is spoken to: catalog.dialects", max_length=20),
        ),
        migrations.RunPython(name_kinds, forget_kinds, elidable=True),
    ]
