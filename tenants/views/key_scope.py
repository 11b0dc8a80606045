"""`/tenants/<slug>/keys/<id>/scope/`: what a key is narrowed to."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST

from refusals import Refusal
from refusals.errors import Invalid
from tenants import key_scope, sections
from tenants.forms import KeyScopeForm
from tenants.views.keys import to_change


@require_http_methods(["GET", "POST"])
def scope(request: HttpRequest, slug: str, key_id: str) -> HttpResponse:
    """The routes and networks of a key as a form; sent, they are in force within a second."""
    inside, key = to_change(request, slug, key_id)
    key.environment.tenant = inside.tenant
    routes = sorted({*sections.routes_of(key.environment), *key.allowed_routes})
    form = KeyScopeForm(request.POST if request.method == "POST" else None, initial=key_scope.told(key), routes=routes)
    if request.method == "POST" and form.is_valid():
        try:
            key_scope.narrow(key=key, by=inside.viewer, **form.cleaned_data)
        except Refusal as refusal:
            form.refused(refusal)
        else:
            messages.success(request, f"“{key.name}” is narrowed as you chose. The gateway keeps to it from now on.")
            return redirect("tenants:key", slug, key.pk)
    return inside.show(
        request, "key_scope", status=422 if form.errors else 200, tab="keys", key=key, form=form, routes=routes
    )


@require_POST
def narrow_to_called(request: HttpRequest, slug: str, key_id: str) -> HttpResponse:
    """Narrow a key to the routes that it was shown to call; its networks stay."""
    inside, key = to_change(request, slug, key_id)
    routes = [route[:120] for route in request.POST.getlist("route") if route.strip()]
    if not routes:
        raise Invalid("Say to which routes the key is to be narrowed: without any it could call all.", field="route")
    key_scope.narrow(key=key, by=inside.viewer, allowed_routes=routes)
    messages.success(request, f"“{key.name}” is narrowed to what it calls. The gateway keeps to it from now on.")
    return redirect("tenants:key", slug, key.pk)
