"""Set what a deployment costs, by whoever holds the permission: now or from a later moment on."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from catalog.figures import LARGEST_PRICE
from catalog.models import Deployment
from refusals import Refusal
from refusals.errors import Missing
from tenants import once
from tenants.forms import OnceForm
from ui.formatting import money
from usage.authority import require_price_setter
from usage.models import Price
from usage.prices import in_force, set_price

LISTED = 100


def _amount(label: str, **more: Any) -> forms.DecimalField:
    return forms.DecimalField(
        label=label, min_value=Decimal(0), max_value=LARGEST_PRICE, max_digits=16, decimal_places=6, **more
    )


class PriceForm(OnceForm):
    """A price per million tokens."""

    input_per_million = _amount("Input per million tokens")
    output_per_million = _amount("Output per million tokens")
    cached_input_per_million = _amount(
        "Cached input per million tokens", required=False, help_text="Empty: as much as other input."
    )
    cache_write_per_million = _amount(
        "Input written to a cache per million tokens",
        required=False,
        help_text="Empty: as much as other input. Anthropic and Amazon ask more for it.",
    )
    currency = forms.RegexField(
        r"^[A-Z]{3}$", label="Currency", initial="USD", help_text="Three capital letters, such as USD or EUR."
    )
    valid_from = forms.DateTimeField(
        label="In force from (UTC)",
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text="Empty: from now on. A moment in the past is refused, as calls since then are billed.",
    )
    source = forms.CharField(
        label="Source", max_length=80, help_text="Where the price is written: a contract, an invoice, a price list."
    )
    reason = forms.CharField(label="Reason", max_length=1000, required=False, widget=forms.Textarea(attrs={"rows": 2}))

    def clean_valid_from(self) -> dt.datetime | None:
        given: dt.datetime | None = self.cleaned_data["valid_from"]
        return given.replace(tzinfo=dt.UTC) if given else None  # as the label says, whoever's zone is active


@require_http_methods(["GET", "POST"])
def price(request: HttpRequest, pk: UUID) -> HttpResponse:
    """`/usage/prices/<deployment>/`: the form, beside every price that it has, had and will have."""
    require_price_setter(request.user)
    deployment = Deployment.objects.select_related("provider", "version__model").filter(pk=pk).first()
    if deployment is None:
        raise Missing("There is no such deployment.")
    form = PriceForm(request.POST or None, initial=_initial(deployment))
    if request.method == "POST" and form.is_valid() and (told := _set(request, deployment, form)):
        messages.success(request, told)
        return redirect(f"{reverse('catalog:model', args=[deployment.version.model.slug])}?tab=pricing")
    now = timezone.now()
    context = {
        "form": form,
        "deployment": deployment,
        "model": deployment.version.model,
        "prices": [
            (each, each.valid_from > now, each.valid_from <= now and (not each.valid_until or each.valid_until > now))
            for each in deployment.prices.all()[:LISTED]
        ],
    }
    return render(request, "usage/price.html", context, status=422 if form.errors else 200)


def _set(request: HttpRequest, deployment: Deployment, form: PriceForm) -> str:
    """What was done in words; empty where it was refused, and the form says why."""
    given = dict(form.cleaned_data)
    try:
        with transaction.atomic():
            once.claim_form(user=request.user, token=given.pop("once"), path=request.path)  # type: ignore[arg-type]
            made = set_price(deployment=deployment, by=request.user, **given)
    except once.SentAlready:
        return "This form was sent already. The price was set once."
    except Refusal as refusal:
        form.refused(refusal)
        return ""
    when = f"from {made.valid_from:%Y-%m-%d %H:%M} UTC on" if made.valid_from > timezone.now() else "from now on"
    costs = f"{money(made.input_per_million, made.currency)} in and {money(made.output_per_million, made.currency)} out"
    return f"{deployment.upstream_name} at {deployment.provider.name} costs {costs} per million tokens, {when}."


def _initial(deployment: Deployment) -> dict[str, Any]:
    start: dict[str, Any] = {"once": once.new_token()}
    current: Price | None = in_force().filter(deployment=deployment).first()
    if current is not None:
        names = (
            "input_per_million", "output_per_million", "cached_input_per_million", "cache_write_per_million",
            "currency",
        )  # fmt: skip
        start |= {name: getattr(current, name) for name in names}
    return start
