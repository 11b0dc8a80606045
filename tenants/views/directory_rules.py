"""Rules of a directory: what one would change is shown before it is made, and before it is ended."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods

from refusals import Refusal
from refusals.errors import Missing
from tenants import scoping
from tenants.custom_roles import role_of
from tenants.delegation import require_assignable
from tenants.directory import finding
from tenants.directory.rules import end_rule, make_rule, preview_of_end, preview_of_rule
from tenants.forms_of_directory import RuleForm
from tenants.models import DirectoryRule, Tenant
from tenants.views.directory_place import Place

SHOWN = 100  # of who gains or loses, by name


@require_http_methods(["GET", "POST"])
def new(request: HttpRequest, slug: str = "") -> HttpResponse:
    """The form; with `?role=` what the rule would do; sent, the rule is made."""
    place = Place.enter(request, slug)
    is_asked = request.method == "POST" or "role" in request.GET
    given = request.POST if request.method == "POST" else request.GET
    form = RuleForm(given if is_asked else None, roles=place.roles, of_platform=place.tenant is None,
                    initial={"group_name": request.GET.get("group_name", "")[:254]})  # fmt: skip
    preview = tenant = None
    if is_asked and form.is_valid():
        try:
            tenant = _tenant(place, form.cleaned_data.get("tenant", ""))
            wanted = {"group_name": form.cleaned_data["group_name"], "role": form.cleaned_data["role"]}
            if place.inside is not None:
                require_assignable(place.inside.viewer, tenant, place.inside.held, wanted["role"])
            if request.method == "POST":
                made = make_rule(tenant=tenant, of_platform=place.tenant is None, by=place.viewer, **wanted)
                messages.success(request, f"The rule holds: {made}.")
                return place.go("directory")
            known = place.directory
            preview = preview_of_rule(directory=known, tenant=tenant, **wanted) if known else None
        except Refusal as refusal:
            form.refused(refusal)
            preview = None
    role = role_of(tenant, form.cleaned_data["role"]) if tenant and not form.errors else None
    return place.show(
        request, "directory_rule", status=422 if form.errors else 200, form=form, preview=preview, most=SHOWN,
        is_shown=is_asked and not form.errors, of=tenant, role=role,
        groups=list(finding.groups(place.directory)[:30]) if place.directory else [],
    )  # fmt: skip


@require_http_methods(["GET", "POST"])
def end(request: HttpRequest, rule_id: str, slug: str = "") -> HttpResponse:
    """What ending a rule brings about, to be confirmed."""
    place = Place.enter(request, slug)
    rules = DirectoryRule.objects.filter(directory__tenant=place.tenant, pk=rule_id)
    rule = rules.select_related("tenant", "directory__tenant").first()
    if rule is None:
        raise Missing("There is no such rule of this directory. Perhaps somebody ended it.")
    if place.inside is not None:
        require_assignable(place.inside.viewer, rule.tenant, place.inside.held, rule.role)
    if request.method == "POST":
        end_rule(rule=rule, by=place.viewer)
        messages.success(request, f"The rule is ended: {rule}.")
        return place.go("directory")
    role = rule.of_role
    return place.show(request, "directory_rule_end", rule=rule, role=role, preview=preview_of_end(rule), most=SHOWN)


def _tenant(place: Place, slug: str) -> Tenant:
    if place.tenant is not None:
        return place.tenant
    try:
        return scoping.find_tenant(place.viewer, slug)
    except Missing as refusal:
        raise Missing(refusal.sentence, field="tenant") from refusal
