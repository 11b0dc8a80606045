"""Change how the provider of the tests is spoken to, before the gateway is served: fixtures that need it come first."""

from __future__ import annotations

from catalog.credentials import encrypt
from catalog.models import Provider as ProviderRow
from tenants.changes import announce


def speaks(dialect: str, *, base_url: str = "", credential: str = "", slug: str = "echo") -> None:
    """The provider `slug` is of the kind `dialect`."""
    row = ProviderRow.objects.get(slug=slug)
    row.dialect = dialect
    row.base_url = base_url or row.base_url
    row.credential = encrypt(credential) if credential else None
    row.save()
    announce("provider")
