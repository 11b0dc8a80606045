"""`/tenants/<slug>/webhooks/`: addresses that hear of events, with the log of what was sent; for owners."""

from __future__ import annotations

import json
from collections.abc import Iterator

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from audit.exporting import exported
from notices.webhooks import delivering, endpoints
from notices.webhooks.events import EVENTS, words_of
from notices.webhooks.forms import EndpointForm, NewEndpointForm
from notices.webhooks.outbox import body_of
from notices.webhooks.reading import MANAGE, STATES, find_delivery, find_endpoint, narrowed
from notices.webhooks.tables import Delivery, Endpoint
from refusals import Refusal
from tenants import once
from tenants.views.entering import Inside, enter, text_of
from ui.exporting import csv_response, in_batches

PAGE_SIZE = 50
STATE_WORDS = {"pending": "Waiting", "delivered": "Delivered", "failed": "Given up"}


@require_GET
def webhooks(request: HttpRequest, slug: str) -> HttpResponse:
    """The tenant's webhooks."""
    inside = enter(request, slug, MANAGE)
    rows = Endpoint.objects.filter(tenant=inside.tenant).select_related("created_by")
    return _show(request, inside, "webhooks", webhooks=rows, most=endpoints.MOST)


@require_http_methods(["GET", "POST"])
@never_cache
def add(request: HttpRequest, slug: str) -> HttpResponse:
    """The form; sent, it answers with the secret, this once."""
    inside = enter(request, slug, MANAGE)
    first = {"once": once.new_token(), "events": list(EVENTS)}
    form = NewEndpointForm(request.POST if request.method == "POST" else None, initial=first)
    if request.method == "POST" and form.is_valid():
        wanted = dict(form.cleaned_data)
        try:
            with transaction.atomic():
                once.claim_form(user=inside.viewer, token=wanted.pop("once"), path=request.path)
                made, secret = endpoints.add(tenant=inside.tenant, by=inside.viewer, **wanted)
        except once.SentAlready:
            messages.warning(
                request, "This form was sent already. Its secret is not shown again; replace it if needed."
            )
            return redirect("notices:webhooks", slug)
        except Refusal as refusal:
            form.refused(refusal)
        else:
            return _show(request, inside, "webhook_secret", webhook=made, secret=secret, is_new=True)
    return _show(request, inside, "change_webhook", status=422 if form.errors else 200, form=form, webhook=None)


@require_GET
def webhook(request: HttpRequest, slug: str, endpoint_id: str) -> HttpResponse | StreamingHttpResponse:
    """One webhook with the log of its deliveries, by `?state=` and `?event=`; `?format=csv`."""
    inside = enter(request, slug, MANAGE)
    found = find_endpoint(inside.tenant, endpoint_id)
    state, kind = text_of(request, "state", 10), text_of(request, "event", 40)
    state = state if state in STATES else ""
    rows = narrowed(Delivery.objects.filter(endpoint=found), state=state, kind=kind).select_related("event")
    if request.GET.get("format") == "csv":
        exported(request, "deliveries", tenant=slug)
        head = ("id", "event", "state", "tries", "at", "finished at")
        return csv_response(f"{slug}-deliveries.csv", head, _lines(rows))
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    return _show(
        request, inside, "webhook", webhook=found, page=page, state=state, kind=kind, kind_words=words_of(kind),
        deliveries=[(each, words_of(each.event.kind)) for each in page],
        events=[words_of(event) for event in found.events],
        states=[(code, STATE_WORDS[code]) for code in STATES],
        kept=Delivery.objects.filter(endpoint=found).count() if state or kind else page.paginator.count,
    )  # fmt: skip


@require_http_methods(["GET", "POST"])
def change(request: HttpRequest, slug: str, endpoint_id: str) -> HttpResponse:
    """Where to and which events, as a form."""
    inside = enter(request, slug, MANAGE)
    found = find_endpoint(inside.tenant, endpoint_id)
    now = {"url": found.url, "description": found.description, "events": found.events}
    form = EndpointForm(request.POST if request.method == "POST" else None, initial=now)
    if request.method == "POST" and form.is_valid():
        try:
            endpoints.change(endpoint=found, by=inside.viewer, **form.cleaned_data)
        except Refusal as refusal:
            form.refused(refusal)
        else:
            messages.success(request, "The webhook is saved.")
            return redirect("notices:webhook", slug, found.pk)
    return _show(request, inside, "change_webhook", status=422 if form.errors else 200, form=form, webhook=found)


@require_POST
@never_cache
def new_secret(request: HttpRequest, slug: str, endpoint_id: str) -> HttpResponse:
    """Replace the secret; the new one is shown this once."""
    inside = enter(request, slug, MANAGE)
    changed, secret = endpoints.rotate(endpoint=find_endpoint(inside.tenant, endpoint_id), by=inside.viewer)
    return _show(request, inside, "webhook_secret", webhook=changed, secret=secret, is_new=False)


@require_POST
def test(request: HttpRequest, slug: str, endpoint_id: str) -> HttpResponse:
    """Send an event that says that it is a test."""
    inside = enter(request, slug, MANAGE)
    made = delivering.test(endpoint=find_endpoint(inside.tenant, endpoint_id), by=inside.viewer)
    messages.success(request, "A test is on its way. What is answered appears here; reload in a moment.")
    return redirect("notices:delivery", slug, made.pk)


@require_POST
def switch(request: HttpRequest, slug: str, endpoint_id: str) -> HttpResponse:
    """Switch it off, or on again."""
    inside = enter(request, slug, MANAGE)
    found = find_endpoint(inside.tenant, endpoint_id)
    if request.POST.get("on") == "true":
        endpoints.switch_on(endpoint=found, by=inside.viewer)
        messages.success(request, "It is on again. What waits is sent first.")
    else:
        endpoints.switch_off(endpoint=found, by=inside.viewer, because=f"By {inside.viewer}")
        messages.success(request, "It is off. Nothing is sent to it, and nothing new is kept for it.")
    return redirect("notices:webhook", slug, found.pk)


@require_POST
def remove(request: HttpRequest, slug: str, endpoint_id: str) -> HttpResponse:
    """Remove it with its log."""
    inside = enter(request, slug, MANAGE)
    found = find_endpoint(inside.tenant, endpoint_id)
    endpoints.remove(endpoint=found, by=inside.viewer)
    messages.success(request, f"“{found}” is removed, and the log of what was sent to it.")
    return redirect("notices:webhooks", slug)


@require_GET
def delivery(request: HttpRequest, slug: str, delivery_id: str) -> HttpResponse:
    """One delivery: what was sent, and what was answered at each try."""
    inside = enter(request, slug, MANAGE)
    found = find_delivery(inside.tenant, delivery_id)
    return _show(
        request, inside, "delivery", delivery=found, webhook=found.endpoint, words=words_of(found.event.kind),
        attempts=found.attempts.all(), body=json.dumps(body_of(found.event), indent=2, ensure_ascii=False),
    )  # fmt: skip


@require_POST
def replay(request: HttpRequest, slug: str, delivery_id: str) -> HttpResponse:
    """Send it again."""
    inside = enter(request, slug, MANAGE)
    found = delivering.replay(delivery=find_delivery(inside.tenant, delivery_id), by=inside.viewer)
    messages.success(request, "It is sent again, under the same id.")
    return redirect("notices:delivery", slug, found.pk)


def _show(request: HttpRequest, inside: Inside, name: str, *, status: int = 200, **context: object) -> HttpResponse:
    return render(request, f"notices/{name}.html", inside.framed("webhooks") | context, status=status)


def _lines(rows: QuerySet[Delivery]) -> Iterator[tuple[object, ...]]:
    return ((d.pk, d.event.kind, d.state, d.tries, d.created_at, d.finished_at) for d in in_batches(rows))
