"""The form of what a tenant asks of who comes in."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar

from django import forms
from django.utils import timezone

from tenants.forms import NETWORKS_HELP, ListField, VerbForm
from tenants.models import Tenant
from tenants.security.setting import KEEP

NOT_ASKED, KEPT, NOW = "no", "keep", "0"
GRACES = (7, 14, 30)  # days
DOMAINS_HELP = (
    "Such as example.com, which is that domain alone, or *.example.com for those below it. It holds for who is "
    "invited, let in, added by hand or by a directory; a confirmed address counts. Members of other domains "
    "stay until they are removed. Service accounts have no address. Empty: any domain."
)
WHERE_NETWORKS_HOLD = (
    "It holds for pages, the API and calls with keys of this tenant; a key’s own networks hold besides. It does not "
    "hold for the directory’s service, for webhooks, and for people with a role above tenants."
)
SECOND_FACTOR_HELP = (
    "Who has none cannot open pages of this tenant, nor use personal API tokens here, from that day on, and is led to "
    "setting one up. One of your organisation’s sign-in service counts for pages. Service accounts have none and are "
    "excepted, and so are people with a role above tenants."
)


class SecurityForm(VerbForm):
    """Domains, networks, second factor."""

    stands_for: ClassVar[dict[str, str]] = {"second_factor_from": "second_factor"}

    allowed_email_domains = ListField(label="Only e-mail addresses of these domains", help_text=DOMAINS_HELP)
    allowed_networks = ListField(label="Only from these networks", help_text=f"{NETWORKS_HELP} {WHERE_NETWORKS_HOLD}")
    second_factor = forms.ChoiceField(label="Second factor", widget=forms.RadioSelect, help_text=SECOND_FACTOR_HELP)

    def __init__(self, given: Any = None, *, tenant: Tenant) -> None:
        since = tenant.second_factor_from
        initial = {
            "allowed_email_domains": tenant.allowed_email_domains, "allowed_networks": tenant.allowed_networks,
            "second_factor": KEPT if since else NOT_ASKED,
        }  # fmt: skip
        super().__init__(given, initial=initial)
        kept = [(KEPT, f"As it is now: from {_on(since)} on")] if since else []
        chosen = self.fields["second_factor"]
        assert isinstance(chosen, forms.ChoiceField)  # noqa: S101  # for the type checker
        later = [(str(days), f"In {days} days, on {_on(timezone.now() + dt.timedelta(days=days))}") for days in GRACES]
        chosen.choices = [(NOT_ASKED, "Not asked for"), *kept, (NOW, "From now on"), *later]

    @property
    def asked(self) -> dict[str, Any]:
        """The values for the verb."""
        given = dict(self.cleaned_data)
        choice = given.pop("second_factor")
        if choice == KEPT:
            given["second_factor_from"] = KEEP
        else:
            given["second_factor_from"] = (
                None if choice == NOT_ASKED else timezone.now() + dt.timedelta(days=int(choice))
            )
        return given


def _on(moment: dt.datetime) -> str:
    return f"{moment:%-d %B %Y}"
