"""Connect a provider: test the endpoint, keep its credential encrypted, and never show it again."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from audit.record import record
from catalog import figures, probing
from catalog.changes.telling import Kind, change, tell_all
from catalog.dialects import COMPATIBLE, LOCAL, Dialect, dialect_called, known_as, usual_for
from catalog.lifecycle.moving import write_status
from catalog.loopback import LOOPBACK, name_with_label, refuse_disguise, slug_with_label
from catalog.models import PLATFORM_TEAM, ModelVersion, Provider, RouteTarget
from refusals.errors import Conflict, Invalid
from tenants.changes import announce
from tenants.credentials import decrypt, encrypt, rotated
from tenants.data_classes import checked
from tenants.seen import refuse_changed


class NotConnected(Conflict):
    code = "provider_not_connected"
    title = "The provider is not connected"


class NameIsTaken(Conflict):
    code = "provider_name_taken"
    title = "There is such a provider already"


@dataclass(frozen=True)
class Suggestion:
    """A provider whose key is in the environment: it can be connected in one step."""

    slug: str
    name: str
    variable: str
    base_url: str


_ADDRESSES_OF_PAGES = {"connect"}
_KNOWN_KEYS = (
    Suggestion("openai", "OpenAI", "OPENAI_API_KEY", "https://api.openai.com/v1"),
    Suggestion("anthropic", "Anthropic", "ANTHROPIC_API_KEY", "https://api.anthropic.com/v1"),
)


def suggestions() -> list[Suggestion]:
    """Providers whose key is in this process's environment and that nobody has connected yet."""
    connected = set(Provider.objects.exclude(base_url="").values_list("slug", flat=True))
    return [each for each in _KNOWN_KEYS if os.environ.get(each.variable) and each.slug not in connected]


def connect_suggested(*, slug: str, by: Any) -> Provider:
    """Connect the suggestion `slug` with the key in the environment. Raises `NotConnected` when there is none."""
    for each in suggestions():
        if each.slug == slug:
            key = os.environ[each.variable]
            return connect(slug=slug, name=each.name, base_url=each.base_url, credential=key, by=by)
    raise NotConnected("There is no key for it in the environment, or it is connected already.")


def connect(
    *, name: str, base_url: str, credential: str, by: Any, dialect: str = "", slug: str = "", region: str = ""
) -> Provider:
    """Connect an endpoint of the kind `dialect`, after it has answered. `slug` names a provider that the catalog lists
    already, which has a kind that is usual for it; without `base_url` it is the kind's usual address.

    Raises the refusals of `catalog.probing`, `Invalid` for an unknown kind or a name that hides a loopback, and
    `NameIsTaken`.
    """
    kind = dialect_called(dialect or usual_for(slug))
    normalise = kind.inside.normalise if kind.inside else probing.normalise
    base_url = normalise(base_url or kind.address)
    credential = _clean(credential)
    listed = Provider.objects.filter(slug=slug).first() if slug else None
    wanted = listed.slug if listed else slug_of(name)
    if kind.name == LOOPBACK and listed is None:
        wanted, name = slug_with_label(wanted)[:80], name_with_label(name.strip())[:120]
    refuse_disguise(wanted, is_loopback_behind=kind.name == LOOPBACK, field="name")
    if listed is None and Provider.objects.filter(slug=wanted).exclude(base_url="").exists():
        raise NameIsTaken(f"A provider called “{name}” is connected already. Choose another name.", field="name")
    answer = probing.list_models(kind, base_url, credential)  # before the transaction: it may take seconds
    with transaction.atomic():
        provider, _ = Provider.objects.select_for_update().get_or_create(slug=wanted, defaults={"name": name.strip()})
        provider.base_url, provider.dialect = base_url, kind.name
        provider.region = region.strip()[:60] or provider.region
        provider.credential = encrypt(credential) if credential else None
        provider.connected_at = provider.tested_at = timezone.now()
        provider.test_result = answer.sentence
        provider.save()
        record(
            "provider.connected",
            by=by,
            subject=provider,
            dialect=kind.name,
            base_url=base_url,
            models=len(answer.models),
        )
        announce("provider")
    return provider


def ask(provider: Provider) -> probing.Answer:
    """What a connected provider serves now; nothing is noted. Raises the refusals of `catalog.probing`."""
    return probing.list_models(kind_of(provider), base_url_of(provider), credential_of(provider))


def replace_credential(*, provider: Provider, credential: str, by: Any) -> Provider:
    """Put another credential in the old one's place, after the endpoint has accepted it."""
    credential = _clean(credential)
    answer = probing.list_models(kind_of(provider), base_url_of(provider), credential)
    with transaction.atomic():
        locked = Provider.objects.select_for_update().get(pk=provider.pk)
        locked.credential = encrypt(credential) if credential else None
        locked.tested_at, locked.test_result = timezone.now(), answer.sentence
        locked.save(update_fields=["credential", "tested_at", "test_result"])
        record("provider.credential_replaced", by=by, subject=locked)
        announce("provider")
    return locked


def facts_of(provider: Provider) -> dict[str, Any]:
    """What is said of a provider now."""
    return {"region": provider.region, "data_classes": provider.data_classes}


@transaction.atomic
def describe(
    *,
    provider: Provider,
    by: Any,
    region: str | None = None,
    data_classes: Sequence[str] | None = None,
    seen: str | None = None,
) -> Provider:
    """Say where a provider computes, and which classes of data it may see (none of them: any); None: as it is. `seen`
    is a mark of what was shown (`tenants.seen`). Raises `Invalid` and `ChangedMeanwhile`."""
    locked = Provider.objects.select_for_update().get(pk=provider.pk)
    before = facts_of(locked)
    refuse_changed(seen, before, f"what is said of {locked.name}")
    region = locked.region if region is None else region.strip()[:60]
    classes = locked.data_classes if data_classes is None else checked(data_classes)
    after = {"region": region, "data_classes": classes}
    if after != before:
        locked.region, locked.data_classes = region, classes
        locked.save(update_fields=["region", "data_classes"])
        record("provider.described", by=by, subject=locked, before=before, after=after)
        if region != before["region"]:
            _tell_region(locked, before["region"])
        announce("provider")
    return locked


def _tell_region(provider: Provider, before: str) -> None:
    """Note at each version that computes where its provider does that this is another place now."""
    there = provider.deployments.filter(region="", targets__isnull=False).values("version")
    tell_all(
        change(None, version, Kind.REGION, f"where {provider.name} computes", before or None, provider.region or None,
               PLATFORM_TEAM)
        for version in ModelVersion.objects.filter(pk__in=there)
    )  # fmt: skip


def _tell_served(provider: Provider, versions: list[UUID]) -> None:
    """Note at each version that this provider serves it no more."""
    tell_all(
        change(None, version, Kind.PROVIDER, "a provider was disconnected", provider.name, None, PLATFORM_TEAM)
        for version in ModelVersion.objects.filter(pk__in=versions)
    )


@transaction.atomic
def disconnect(*, provider: Provider, by: Any) -> int:
    """Forget the endpoint and the credential; routes that no other provider serves are turned off. Returns how many."""
    locked = Provider.objects.select_for_update().get(pk=provider.pk)
    targets = RouteTarget.objects.filter(deployment__provider=locked).select_related("route")
    served = list(targets.select_related("deployment"))
    routes = {target.route for target in targets}
    targets.delete()
    alone = [route for route in routes if route.is_enabled and not route.targets.exists()]
    for route in alone:
        route.is_enabled = False
        route.save(update_fields=["is_enabled"])
    locked.base_url, locked.credential, locked.connected_at = "", None, None
    locked.test_result, locked.tested_at = "", None
    locked.save()
    figures.update_list_prices({route.model_id for route in routes})
    write_status({route.model_id for route in routes})
    _tell_served(locked, sorted({target.deployment.version_id for target in served}))
    record("provider.disconnected", by=by, subject=locked, routes_off=sorted(route.slug for route in alone))
    announce("provider")
    return len(alone)


def kind_of(provider: Provider) -> Dialect:
    """How it is asked. The local model server is asked as any other that is compatible with OpenAI."""
    return known_as(COMPATIBLE if provider.dialect == LOCAL else provider.dialect)


def base_url_of(provider: Provider) -> str:
    """Where the provider is called; the local model server's address is known only while it runs."""
    if provider.dialect == LOCAL:
        if not settings.LOCAL_MODEL_URL:
            raise probing.ProviderUnreachable("The local model server is not running. See `atrium doctor`.")
        return str(settings.LOCAL_MODEL_URL).rstrip("/")
    if not provider.is_connected:
        raise NotConnected(f"{provider.name} is not connected.")
    return provider.base_url


@transaction.atomic
def rotate_credentials(*, by: Any) -> int:
    """Encrypt every credential again with the newest of `ATRIUM_CREDENTIAL_KEYS`; how many. Then older ones may go."""
    providers = list(Provider.objects.select_for_update().exclude(credential=None))
    for provider in providers:
        provider.credential = rotated(bytes(provider.credential or b""))
        provider.save(update_fields=["credential"])
    record("credentials.rotated", by=by, count=len(providers))
    return len(providers)


def credential_of(provider: Provider) -> str:
    """The credential in clear, or an empty text."""
    return decrypt(bytes(provider.credential)) if provider.credential else ""


def slug_of(name: str) -> str:
    """The slug of a new provider. Raises `Invalid` for a name without letters."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:80]
    if not slug or slug in _ADDRESSES_OF_PAGES:
        raise Invalid("Give the provider a name with letters or digits, other than “connect”.", field="name")
    return slug


def _clean(credential: str) -> str:
    credential = credential.strip()
    if credential.startswith("{"):  # a key file, whose lines end in its white space: keys in it have none
        credential = re.sub(r"[\r\n\t]+", " ", credential)
    if not (credential.isascii() and credential.isprintable()) and credential:
        raise Invalid("A credential has printable ASCII signs only. Was something else copied?", field="credential")
    return credential
