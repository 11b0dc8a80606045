"""`/tenants/<slug>/keys/`: the keys of a tenant's environments; issuing one, shown once, and revoking."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from audit.exporting import exported
from refusals import Refusal
from refusals.errors import Missing
from tenants import finding, key_holder, key_reach, keycode, once, scoping, sections
from tenants import keys as verbs
from tenants.forms import KeyForm, holder_choices
from tenants.models import ApiKey, Environment, User
from tenants.views.entering import Inside, enter, optional_address, posted, text_of
from tenants.where import chosen
from ui.exporting import csv_response, in_batches
from ui.sorting import ordered

MANAGE_KEYS = "tenants.manage_keys"
PAGE_SIZE = 50
STATES = ("usable", "expiring", "unused", "old", "powerful", "wide", "stopped", "revoked", "expired")
STATE_WORDS = {
    "usable": "Working",
    "unused": "Never used",
    "old": "Older than 180 days",
    "expiring": "Expires soon",
    "powerful": "Too powerful",
    "wide": "May more than it calls",
    "stopped": "Holder gone",
}


@require_GET
def key_list(request: HttpRequest, slug: str) -> HttpResponse | StreamingHttpResponse:
    """The keys by prefix, filtered by state, environment and text."""
    inside = enter(request, slug)
    filters = {name: text_of(request, name) for name in ("q", "state", "environment", "kind")}
    offered = [state for state in STATES if state != "wide" or inside.may_anywhere(MANAGE_KEYS)]
    if filters["state"] == "wide" and filters["state"] not in offered:
        filters["state"] = ""
    wanted = text_of(request, "sort")
    rows, sort = ordered(found(inside, **filters), wanted, finding.KEY_SORTS, "-created_at")
    if request.GET.get("format") == "csv":
        head = ("prefix", "name", "environment", "state", "created by", "created at", "last used at", "expires at")
        lines = (
            (k.prefix, k.name, _path(inside, k), k.state, str(k.created_by or ""), k.created_at, k.last_used_at,
             k.expires_at)
            for k in in_batches(rows)
        )  # fmt: skip
        exported(request, "keys", tenant=slug)
        return csv_response(f"{slug}-keys.csv", head, lines)
    environments = Environment.objects.filter(tenant=inside.tenant).select_related("project")
    page = Paginator(key_reach.with_reach(rows), PAGE_SIZE).get_page(request.GET.get("page"))
    return inside.show(
        request,
        "keys",
        page=page,
        shown=[(key, key_reach.reach_of(key), inside.may(MANAGE_KEYS, at=key)) for key in page.object_list],
        may_issue=inside.may_anywhere(MANAGE_KEYS),
        sort=sort,
        filters=filters,
        is_filtered=any(filters.values()),
        states=[(state, STATE_WORDS.get(state, state.capitalize())) for state in offered],
        environments=_choices(inside, environments),
        calls=optional_address("usage:calls"),
    )


def found(inside: Inside, *, q: str = "", state: str = "", environment: str = "", kind: str = "") -> QuerySet[ApiKey]:
    """The tenant's keys that pass the filters; `environment` is a path."""
    rows: QuerySet[ApiKey] = ApiKey.objects.filter(tenant=inside.tenant)
    rows = rows.select_related("environment__project", "created_by")
    if environment:
        project, _, of_kind = environment.removeprefix(f"{inside.tenant.slug}/").partition("/")
        rows = rows.filter(environment__project__slug=project, environment__kind=of_kind)
    if state == "wide":  # what a key calls is for who may narrow it
        rows = scoping.visible(inside.viewer, rows, MANAGE_KEYS)
    return finding.keys(rows, text=q, state=state, kind=kind)


@require_http_methods(["GET", "POST"])
@never_cache
def issue(request: HttpRequest, slug: str) -> HttpResponse:
    """The form; sent, it answers with the secret, this once, and sent again it does not make a second key. Another
    environment chosen, htmx asks for the routes that a key of it may be narrowed to."""
    inside = enter(request, slug)
    inside.require_anywhere(MANAGE_KEYS)
    environments = Environment.objects.filter(tenant=inside.tenant, project__archived_at=None).select_related("project")
    environments = scoping.visible(inside.viewer, environments, MANAGE_KEYS)
    here = _here(request, inside, environments)
    routes = sections.routes_of(here) if here else []
    initial = {"once": once.new_token(), "environment": here.pk if here else None, "expiry": "90"}
    form = KeyForm(request.POST or None, initial=initial, routes=sorted({*routes}))
    form.fields["environment"].queryset = environments  # type: ignore[attr-defined]  # ModelChoiceField
    holders = list(key_holder.holders_for(inside.tenant, inside.viewer))
    form.fields["holder"].choices = holder_choices(holders)  # type: ignore[attr-defined]  # ChoiceField
    form.fields["holder"].initial = _holder(request, inside, holders)
    if request.method == "POST" and form.is_valid():
        try:
            return _issued(request, inside, form)
        except once.SentAlready:
            messages.warning(
                request, "This form was sent already. The key was issued once; its secret is not shown again."
            )
            return redirect("tenants:keys", slug)
        except Refusal as refusal:
            form.refused(refusal)
    if request.headers.get("HX-Request"):
        return render(request, "tenants/issue_key.html#routes", {"form": form, "here": here})
    return inside.show(
        request, "issue_key", status=422 if form.errors else 200, tab="keys", form=form, here=here,
        any=environments.exists(),
    )  # fmt: skip


def _issued(request: HttpRequest, inside: Inside, form: KeyForm) -> HttpResponse:
    wanted = form.cleaned_data
    inside.require(MANAGE_KEYS, at=wanted["environment"])
    with transaction.atomic():
        once.claim_form(user=inside.viewer, token=wanted["once"], path=request.path)
        wanted["environment"].tenant = inside.tenant
        issued = verbs.issue(
            environment=wanted["environment"],
            name=wanted["name"],
            expires_at=wanted["expires_at"],
            allowed_routes=wanted["allowed_routes"],
            allowed_networks=wanted["allowed_networks"],
            holder=key_holder.holder_called(inside.tenant, wanted["holder"]) if wanted["holder"] else None,
            by=inside.viewer,
        )
    return shown_once(request, inside, issued)


def shown_once(request: HttpRequest, inside: Inside, issued: verbs.IssuedKey) -> HttpResponse:
    """The page with the secret of a key just issued, and code that calls with it."""
    routes = issued.key.allowed_routes or sections.routes_of(issued.key.environment)
    return inside.show(
        request,
        "issued_key",
        tab="keys",
        key=issued.key,
        secret=issued.secret,
        env_file=keycode.env_file(issued.secret),
        pieces=keycode.pieces(routes[0]) if routes else [],
        base_url=keycode.base_url(),
    )


@require_GET
def key_page(request: HttpRequest, slug: str, key_id: str) -> HttpResponse:
    """One key: what is known of it, and what revoking it would bring about."""
    inside = enter(request, slug)
    key = find_key(inside, key_id)
    successors = list(key.successors.order_by("created_at"))
    holders = [each for each in key_holder.holders_for(inside.tenant, inside.viewer) if each.pk != key.holder_id]
    return inside.show(
        request,
        "key",
        tab="keys",
        at=key,
        key=key,
        successors=successors,
        successor=next((later for later in successors if later.revoked_at is None), None),
        calls=optional_address("usage:calls"),
        limits=optional_address("usage:change-limits", slug),
        is_held=key_holder.is_held(key),
        reach=key_reach.reach_of(key) if inside.may(MANAGE_KEYS, at=key) else None,
        days=key_reach.DAYS,
        demands=key_reach.demands_on(key),
        holders=holder_choices(holders),
    )


@require_POST
def hand_over(request: HttpRequest, slug: str, key_id: str) -> HttpResponse:
    """Make a key that of a service account, or one's own."""
    inside, key = to_change(request, slug, key_id)
    to = key_holder.holder_for(inside.tenant, posted(request, "holder", 150), inside.viewer)
    key_holder.hand_over(key=key, to=to, by=inside.viewer)
    messages.success(request, f"“{key.name}” is a key of {to} now.")
    return redirect("tenants:key", slug, key.pk)


@require_POST
def revoke(request: HttpRequest, slug: str, key_id: str) -> HttpResponse:
    """Revoke a key; a second time says so and changes nothing."""
    inside, key = to_change(request, slug, key_id)
    was_revoked = key.revoked_at is not None
    verbs.revoke(key=key, by=inside.viewer, reason=posted(request, "reason"))
    told = (
        f"“{key.name}” was revoked before." if was_revoked else f"“{key.name}” is revoked. Calls with it are refused."
    )
    messages.success(request, told)
    return redirect("tenants:keys", slug)


def find_key(inside: Inside, key_id: str) -> ApiKey:
    """The tenant's key with this identifier. Raises `Missing`."""
    rows = key_reach.with_reach(ApiKey.objects.filter(tenant=inside.tenant, pk=key_id))
    key = rows.select_related(
        "environment__project", "created_by", "revoked_by", "leaked_by", "replaces", "holder"
    ).first()
    if key is None:
        raise Missing(f"There is no such key in {inside.tenant}.")
    return key


def to_change(request: HttpRequest, slug: str, key_id: str) -> tuple[Inside, ApiKey]:
    """Into the tenant, with the key for who manages keys where it is. Raises `Missing`, `Forbidden`."""
    inside = enter(request, slug)
    key = find_key(inside, key_id)
    inside.require(MANAGE_KEYS, at=key)
    return inside, key


def _holder(request: HttpRequest, inside: Inside, holders: list[User]) -> str:
    """The service account that was asked for, else oneself."""
    asked = text_of(request, "holder", 150)
    return asked if any(user.username == asked for user in holders) else inside.viewer.username


def _here(request: HttpRequest, inside: Inside, environments: QuerySet[Environment]) -> Environment | None:
    """The environment that is chosen in the form (by its key), or that the address or the switcher names (a path)."""
    asked = posted(request, "environment") if request.method == "POST" else text_of(request, "environment")
    if asked and "/" not in asked:
        try:
            return environments.filter(pk=UUID(asked)).first()
        except ValueError:
            return None
    where = chosen(request)
    tenant, _, rest = (asked or (where["path"] if where else "")).partition("/")
    project, _, kind = rest.partition("/")
    return environments.filter(project__slug=project, kind=kind).first() if tenant == inside.tenant.slug else None


def _choices(inside: Inside, environments: QuerySet[Environment]) -> list[tuple[str, str]]:
    return [
        (f"{inside.tenant.slug}/{e.project.slug}/{e.kind}", f"{e.project} · {e.get_kind_display()}")
        for e in environments
    ]


def _path(inside: Inside, key: ApiKey) -> str:
    return f"{inside.tenant.slug}/{key.environment.project.slug}/{key.environment.kind}"
