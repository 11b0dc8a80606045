"""A model version's card: its tab on the model's page, and the pages on which the catalog's people write it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Exists, OuterRef
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from catalog.authority import require_manager
from catalog.cards import keeping
from catalog.cards.forms import CardForm, OwnerForm, TermsForm, WholeCardForm
from catalog.cards.metadata import LABELS
from catalog.cards.parts import PARTS
from catalog.cards.reading import NO_CARD
from catalog.models import CardEdition, Model, ModelVersion, TermsText
from catalog.register import holding
from catalog.risk.assessing import risk_of_version
from refusals import Refusal
from refusals.errors import Missing
from tenants.forms import VerbForm
from tenants.risk.tiers import Risk
from tenants.seen import ChangedMeanwhile, shown_anew
from ui.difference import fact_changes

BESIDE = ("model-index",)  # shown as a table of its own


def shown(request: HttpRequest, found: Model) -> dict[str, Any]:
    """What the tab *Card* shows: the newest edition of the version that `?version=` names, else of the first that has
    one, else of the newest version."""
    written = CardEdition.objects.filter(version=OuterRef("pk"))
    versions = list(found.versions.select_related("owner").annotate(has_card=Exists(written)))
    wanted = request.GET.get("version", "")
    version = next((each for each in versions if each.label == wanted), None)
    version = version or next((each for each in versions if each.has_card), versions[0] if versions else None)
    if version is None:
        return {"versions": [], "version": None, "edition": None}
    version.model = found
    edition = keeping.edition_of(version) if version.has_card else None
    terms = latest_terms(version)
    return {
        "versions": versions,
        "version": version,
        "edition": edition,
        "terms": terms,
        "gaps": gaps_of(version, edition, terms),
        "risk": risk_of(version, edition, terms),
        **(_said(edition) if edition else {}),
    }


def latest_terms(version: ModelVersion) -> list[TermsText]:
    """The texts that hold: the latest of each kind."""
    rows = version.terms_texts.defer("text").order_by("kind", "-kept_at", "-pk").distinct("kind")
    return list(rows)


def gaps_of(version: ModelVersion, edition: CardEdition | None, terms: list[TermsText]) -> list[str]:
    """Everything that should be known of a version and is not, in words."""
    missing = list(edition.gaps) if edition else ["no card"]
    if not any(each.kind == TermsText.Kind.LICENCE for each in terms):
        missing.append("no text of its licence")
    if version.owner_id is None:
        missing.append("nobody answers for it")
    if version.next_review_on is None:
        missing.append("no date of its next review")
    return missing


def risk_of(version: ModelVersion, edition: CardEdition | None, terms: list[TermsText]) -> Risk:
    """The tier of a version, with its reasons."""
    rows = version.deployments.filter(gone_at=None, is_enabled=True).exclude(provider__base_url="")
    held = holding.counts([version.pk]).get(version.pk, holding.Counts())
    return risk_of_version(version, edition, terms, list(rows.select_related("provider")), held)


def _said(edition: CardEdition) -> dict[str, Any]:
    card = edition.card
    return {
        "card": card,
        "card_facts": [(LABELS.get(key, key), value) for key, value in card.metadata.items() if key not in BESIDE],
        "parts": [(part, card.part(part.key)) for part in PARTS],
        "results": card.results,
    }


@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, pk: UUID) -> HttpResponse:
    """`/catalog/versions/<key>/card/`: the card by its facts and parts."""
    require_manager(request.user)
    version = keeping.find_version(pk)
    edition = keeping.edition_of(version)
    form = CardForm(edition.card if edition else NO_CARD, keeping.state_of(edition), _posted(request))

    def keep() -> CardEdition:
        return keeping.keep_card(
            version=version, text=form.changed.text, why=form.cleaned_data["why"], by=request.user,
            seen=form.cleaned_data["seen"],
        )  # fmt: skip

    return _kept(request, version, form, keep, "catalog/card_edit.html", edition)


@require_http_methods(["GET", "POST"])
def import_whole(request: HttpRequest, pk: UUID) -> HttpResponse:
    """`/catalog/versions/<key>/card/import/`: the card as a file or a text."""
    require_manager(request.user)
    version = keeping.find_version(pk)
    edition = keeping.edition_of(version)
    mark = keeping.mark_of(keeping.state_of(edition))
    initial = {"text": edition.text if edition else "", "seen": mark}
    form = WholeCardForm(_posted(request), request.FILES or None, initial=initial)

    def keep() -> CardEdition:
        return keeping.keep_card(
            version=version, text=form.content, why=form.cleaned_data["why"], by=request.user,
            seen=form.cleaned_data["seen"],
        )  # fmt: skip

    return _kept(request, version, form, keep, "catalog/card_import.html", edition)


@require_GET
def editions(request: HttpRequest, pk: UUID) -> HttpResponse:
    """`/catalog/versions/<key>/card/editions/?from=…&to=…`: every edition, and what changed between two."""
    version = keeping.find_version(pk)
    rows = list(version.card_editions.defer("text", "metadata"))
    to = _numbered(request, "to", rows[0].number if rows else 0)
    since = _numbered(request, "from", to - 1)
    before, after = keeping.edition_of(version, since), keeping.edition_of(version, to)
    context: dict[str, Any] = {"version": version, "editions": rows, "before": before, "after": after}
    if before is not None and after is not None:
        context |= difference(before, after)
    return render(request, "catalog/card_editions.html", context)


def difference(before: CardEdition, after: CardEdition) -> dict[str, Any]:
    """What changed between two editions: facts by their names, and the texts whose lines differ."""
    return {
        "facts": fact_changes(before.metadata, after.metadata, LABELS),
        "texts": (before.card.body.strip("\n"), after.card.body.strip("\n")),
    }


@require_GET
def download(request: HttpRequest, pk: UUID) -> HttpResponse:
    """`/catalog/versions/<key>/card.md`: an edition as it was given, byte for byte."""
    version = keeping.find_version(pk)
    number = request.GET.get("edition", "")
    kept = keeping.find_edition(
        version, int(number) if number.isascii() and number.isdigit() and len(number) < 9 else None
    )
    response = HttpResponse(kept.text, content_type="text/markdown; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{version.model.slug}-card-{kept.number}.md"'
    return response


@require_http_methods(["GET", "POST"])
def terms(request: HttpRequest, pk: UUID) -> HttpResponse:
    """`/catalog/versions/<key>/terms/?text=…`: licence and terms as they were read, and what changed in them."""
    version = keeping.find_version(pk)
    form = TermsForm(_posted(request))
    if request.method == "POST":
        require_manager(request.user)
        if form.is_valid():
            try:
                kept = keeping.keep_terms(version=version, by=request.user, **form.cleaned_data)
            except Refusal as refusal:
                form.refused(refusal)
            else:
                messages.success(request, f"The text of {kept.name} is kept, with its hash.")
                return redirect("catalog:card-terms", version.pk)
    rows = list(version.terms_texts.defer("text"))
    chosen = _chosen_text(request, version)
    earlier = _before(version, chosen) if chosen else None
    context = {"version": version, "form": form, "texts": rows, "chosen": chosen, "earlier": earlier,
               "may_manage": request.user.has_perm("catalog.manage_catalog")}  # fmt: skip
    return render(request, "catalog/card_terms.html", context, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "POST"])
def owner(request: HttpRequest, pk: UUID) -> HttpResponse:
    """`/catalog/versions/<key>/owner/`: who answers for it, and when it is looked at again."""
    require_manager(request.user)
    version = keeping.find_version(pk)
    form = OwnerForm.of(keeping.owned_by(version), _posted(request))
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        try:
            keeping.set_owner(
                version=version, owner=said["owner"], next_review_on=said["next_review_on"], by=request.user,
                seen=said["seen"],
            )  # fmt: skip
        except Refusal as refusal:
            form.refused(refusal)
            if isinstance(refusal, ChangedMeanwhile):
                shown_anew(form, keeping.owned_by(keeping.find_version(pk)))
        else:
            messages.success(request, f"Who answers for {version} is noted.")
            return redirect(path_of(version))
    status = 422 if form.is_bound else 200
    return render(request, "catalog/card_owner.html", {"version": version, "form": form}, status=status)


def path_of(version: ModelVersion) -> str:
    """The tab *Card* of a version."""
    return f"{version.model.get_absolute_url()}?tab=card&version={version.label}"


def _kept(
    request: HttpRequest,
    version: ModelVersion,
    form: VerbForm,
    keep: Callable[[], CardEdition],
    template: str,
    edition: CardEdition | None,
) -> HttpResponse:
    if request.method == "POST" and form.is_valid():
        try:
            kept = keep()
        except Refusal as refusal:
            problems = refusal.facts.get("problems", [])
            for each in problems:
                line = f"Line {each['line']}: " if each["line"] else ""
                form.add_error("text" if "text" in form.fields else None, f"{line}{each['sentence']}")
            if not problems:
                form.refused(refusal)
            if isinstance(refusal, ChangedMeanwhile):
                edition = keeping.edition_of(version)
                shown_anew(form, keeping.state_of(edition))
        else:
            messages.success(request, f"Edition {kept.number} of the card of {version} is kept.")
            return redirect(path_of(version))
    context = {"version": version, "form": form, "edition": edition}
    return render(request, template, context, status=422 if form.is_bound else 200)


def _posted(request: HttpRequest) -> Any:
    return request.POST if request.method == "POST" else None


def _numbered(request: HttpRequest, name: str, otherwise: int) -> int:
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else otherwise


def _chosen_text(request: HttpRequest, version: ModelVersion) -> TermsText | None:
    key = request.GET.get("text", "")
    if not key:
        return None
    try:
        found = version.terms_texts.filter(pk=UUID(key)).first()
    except ValueError:
        found = None
    if found is None:
        raise Missing("There is no such text.")
    return found


def _before(version: ModelVersion, chosen: TermsText) -> TermsText | None:
    return version.terms_texts.filter(kind=chosen.kind, kept_at__lt=chosen.kept_at).first()
