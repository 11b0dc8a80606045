"""What rules asked for while a tenant was archived was left undone: it is made up for when the tenant is restored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import Exists, OuterRef

from tenants.archiving import when_restored
from tenants.directory.reconciling import hold_all, reconcile
from tenants.directory.rules import touched
from tenants.models import Directory, DirectoryRule, Tenant
from tenants.scope import everything


@everything("rules for a tenant may be those of the platform's directory")
def hold(tenant: Tenant) -> Callable[[Any], None]:
    """Hold the directories that have rules for `tenant`; what applies these anew once it is restored."""
    ruled = DirectoryRule.objects.filter(directory=OuterRef("pk"), tenant=tenant)
    directories = list(Directory.objects.select_related("tenant").filter(Exists(ruled)).order_by("pk"))
    if directories:
        hold_all(directories)

    @everything("rules for a tenant may be those of the platform's directory")
    def apply(by: Any) -> None:
        for directory in directories:
            rules = directory.rules.filter(tenant=tenant)
            people = {person.pk: person for rule in rules for person in touched(directory, rule)}
            reconcile(directory, list(people.values()), by=by, tenant=tenant)

    return apply


def listen() -> None:
    """Hear of tenants that are restored; called once the apps are ready."""
    when_restored(hold)
