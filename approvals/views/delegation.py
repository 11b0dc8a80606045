"""Who decides: each capability with its operating model, and a change of it tried before it is asked for."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from approvals.delegation.asking import AS_ALL, KIND, MANAGE, propose, require_proposer, tried
from approvals.delegation.capabilities import Capability, capabilities, capability_of
from approvals.delegation.standing import Standing, standing, standings
from approvals.delegation.tables import Delegation, Mode
from approvals.models import Request
from approvals.scoping import SEE_ALL
from approvals.states import OPEN_STATES
from approvals.viewer import viewer_of
from audit.exporting import exported
from refusals import Refusal
from refusals.errors import Forbidden, Missing
from tenants.forms import VerbForm
from tenants.models import Tenant, User
from tenants.scoping import tenants_for
from ui.exporting import csv_response

HEAD = ("capability", "tenant", "who decides", "mode", "version", "why", "in force since", "superseded at", "request")


class ChangeForm(VerbForm):
    """Another operating model of one capability."""

    def __init__(self, data: Any, *, capability: Capability, tenant: Tenant | None, now: Standing) -> None:
        super().__init__(data, initial={"mode": now.mode, **now.threshold})
        choices = [(mode.value, f"{mode.label}: {means}") for mode, means in capability.means.items()]
        if tenant is not None and now.is_own:
            choices.append((AS_ALL, f"As everywhere: {standing(capability.slug, None).words.lower()}"))
        self.fields["mode"] = forms.ChoiceField(label="Who decides", choices=choices, widget=forms.RadioSelect)
        for each in capability.thresholds:
            self.fields[each.name] = (
                forms.ChoiceField(label=each.label, choices=each.levels, required=False)
                if each.levels
                else forms.DecimalField(
                    label=f"{each.label}{f', {each.unit}' if each.unit else ''}",
                    required=False,
                    min_value=0,
                    max_digits=18,
                    decimal_places=6,
                )
            )
        self.thresholds = [each.name for each in capability.thresholds]
        self.fields["sentence"] = forms.CharField(
            label="Why it should be so",
            max_length=300,
            required=False,  # to see what it does
            help_text="One sentence. People read it where it bites.",
        )

    def threshold_fields(self) -> list[forms.BoundField]:
        """The fields that count for the platform above a threshold alone."""
        return [self[name] for name in self.thresholds]

    def asked(self) -> dict[str, Any]:
        """What the verb takes."""
        given = self.cleaned_data
        return {
            "mode": given["mode"],
            "threshold": {name: given[name] for name in self.thresholds},
            "sentence": given["sentence"],
        }


@require_GET
def delegation(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """Every capability as it stands everywhere, and the tenants with an exception."""
    viewer = _reader(request)
    if request.GET.get("format") == "csv":
        exported(request, "delegation")
        rows = Delegation.objects.select_related("tenant").order_by("capability", "tenant__slug", "-version")
        return csv_response("who-decides.csv", HEAD, (_line(row) for row in rows))
    counted = (
        Delegation.objects.filter(superseded_at=None, tenant__isnull=False)
        .exclude(mode="")
        .order_by()
        .values_list("capability")
        .annotate(count=Count("pk"))
    )
    own = Delegation.objects.filter(superseded_at=None, tenant__isnull=False).exclude(mode="").select_related("tenant")
    waiting = Request.objects.filter(subject_kind=KIND, state__in=OPEN_STATES).order_by("number")
    context = {
        "rows": [(each, dict(counted).get(each.capability.slug, 0)) for each in standings(None)],
        "exceptions": [(row, capability_of(row.capability), _words(row)) for row in own.order_by("tenant__name")[:100]],
        "waiting": waiting,
        "may_change": viewer.has_perm(MANAGE),
    }
    return render(request, "approvals/delegation.html", context)


@require_http_methods(["GET", "POST"])
def change(request: HttpRequest, capability: str) -> HttpResponse:
    """`?tenant=`: a change for one tenant, else for all that have no exception. First shown what it does, then sent."""
    viewer = _reader(request)
    require_proposer(viewer)
    asked = _capability(capability)
    tenant = _tenant(viewer, request.GET.get("tenant", ""))
    now = standing(asked.slug, tenant)
    form = ChangeForm(request.POST or None, capability=asked, tenant=tenant, now=now)
    told = None
    if request.method == "POST" and form.is_valid():
        given = {"capability": asked.slug, "tenant": tenant, **form.asked()}
        try:
            if request.POST.get("do") == "send":
                sent = propose(**given, by=viewer)
                messages.success(request, f"R-{sent.number} is sent: it is in force when it is approved.")
                return redirect(sent)
            told = tried(**given)
        except Refusal as refusal:
            form.refused(refusal)
    versions = Delegation.objects.filter(capability=asked.slug, tenant=tenant).order_by("-version")[:20]
    context = {
        "capability": asked,
        "of": tenant,
        "now": now,
        "form": form,
        "told": told,
        "tenants": tenants_for(viewer).filter(archived_at=None).order_by("name")[:200] if tenant is None else (),
        "versions": [(row, _words(row)) for row in versions],
    }
    return render(request, "approvals/delegation_change.html", context, status=422 if form.errors else 200)


def _reader(request: HttpRequest) -> User:
    viewer = viewer_of(request)
    if not (viewer.has_perm(MANAGE) or viewer.has_perm(SEE_ALL)):
        raise Forbidden(
            "This needs the permission “Change the policies of governance”. The platform team holds it. Who decides in"
            " a tenant of yours stands on its page of roles.",
            permission=MANAGE,
        )
    return viewer


def _capability(slug: str) -> Capability:
    found = next((each for each in capabilities() if each.slug == slug), None)
    if found is None:
        raise Missing("There is no such capability.", way_out="/platform/delegation/")
    return found


def _tenant(viewer: User, slug: str) -> Tenant | None:
    if not slug:
        return None
    found = tenants_for(viewer).filter(Q(slug=slug.replace("\x00", ""))).first()
    if found is None:
        raise Missing(f"There is no tenant “{slug[:40]}”.")
    return found


def _words(row: Delegation) -> str:
    return capability_of(row.capability).words(Mode(row.mode), row.threshold) if row.mode else "As everywhere"


def _line(row: Delegation) -> tuple[object, ...]:
    return (
        row.capability, row.tenant.slug if row.tenant else "", _words(row), row.mode, row.version, row.sentence,
        row.effective_from, row.superseded_at, f"R-{row.request_number}" if row.request_number else "",
    )  # fmt: skip
