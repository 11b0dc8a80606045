"""`/catalog/risk/`: the questions, the rules and what they mean in frameworks, as they stand in the file."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from tenants.risk.tiers import SUBJECTS, TIERS, WORDS, Rule, rules


def chosen(*, subject: str = "", tier: str = "", category: str = "") -> list[Rule]:
    """The rules of a subject, of a tier, and that mean a category (`eu-ai-act:high-risk`)."""
    return [
        rule
        for rule in rules().rules
        if (not subject or rule.subject == subject)
        and (not tier or rule.tier == tier)
        and (not category or any(each.key == category for each in rule.maps))
    ]


def categories() -> list[tuple[str, str]]:
    """Every category that some rule means, as filters name it and as people read it."""
    held = rules()
    meant = {each.key for rule in held.rules for each in rule.maps}
    return [
        (f"{framework.key}:{key}", f"{framework.name}: {label}")
        for framework in held.frameworks.values()
        for key, label in framework.categories.items()
        if f"{framework.key}:{key}" in meant
    ]


@require_GET
def risk_rules(request: HttpRequest) -> HttpResponse:
    """The rules by `?subject=`, `?tier=` and `?category=`."""
    subject, tier, category = (request.GET.get(name, "")[:60] for name in ("subject", "tier", "category"))
    context = {
        "version": rules().version,
        "rules": [(rule, WORDS[rule.tier], SUBJECTS[rule.subject]) for rule in chosen(
            subject=subject, tier=tier, category=category
        )],
        "frameworks": list(rules().frameworks.values()),
        "questions": [(SUBJECTS[key], list(asked.values())) for key, asked in rules().questions.items()
                      if not subject or key == subject],
        "subjects": list(SUBJECTS.items()),
        "tiers": [(each, WORDS[each]) for each in TIERS],
        "categories": categories(),
        "subject": subject,
        "tier": tier,
        "category": category,
    }  # fmt: skip
    return render(request, "catalog/risk_rules.html", context)
