"""What is sent to verbs that look at the body before they ask who may: enough for them to be carried out. For a GET it
is the query."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.utils import timezone

from catalog.steering import Steering
from tenants.seen import mark_of

HERE = "acme/support/development"
EMPTY_ROUTE = "0192f0c1-0000-7000-8000-0000000000ff"  # the key of the stage's route to which no deployment leads
_SOON = (timezone.now() + dt.timedelta(days=3)).isoformat()
_UNSTEERED = Steering("weight", (), "", None, None)
_NEXT = {"slug": "next", "name": "Next"}

BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("tenant-list", "POST"): {**_NEXT, "owner": "ned"},
    ("project-list", "POST"): {**_NEXT, "tenant": "acme"},
    ("membership-list", "POST"): {"tenant": "acme", "person": "ned", "role": "viewer"},
    ("membership-detail", "PATCH"): {"role": "developer"},
    ("project-role-list", "POST"): {"project": "acme/support", "person": "vera", "role": "developer"},
    ("project-role-detail", "PATCH"): {"role": "developer"},
    ("tenants:project-roles", "POST"): {"person": "vera", "role": "developer"},
    ("tenants:change-project-role", "POST"): {"role": "developer"},
    ("access-review-list", "POST"): {"tenant": "acme"},
    ("access-review-confirm", "POST"): {"memberships": ["00000000-0000-7000-8000-000000000000"]},
    ("ownership-transfer-list", "POST"): {"tenant": "acme", "person": "vera"},
    ("elevation-list", "POST"): {"tenant": "acme", "role": "owner", "hours": 1, "reason": "On call"},
    ("elevation-decline", "POST"): {"reason": "No."},
    ("elevation-stand-in", "POST"): {
        "tenant": "acme", "person": "tim", "starts_at": "2020-01-01T00:00:00Z", "ends_at": _SOON
    },
    ("tenants:new-elevation", "POST"): {"role": "admin", "hours": "1", "reason": "On call"},
    ("tenants:decline-elevation", "POST"): {"reason": "No."},
    ("custom-role-list", "POST"): {
        "tenant": "acme", "slug": "desk", "name": "Desk", "sentence": "Answers.", "permissions": []
    },
    ("custom-role-detail", "PATCH"): {"name": "Next"},
    ("tenants:new-role", "POST"): {"slug": "desk", "name": "Desk", "sentence": "Answers."},
    ("tenants:role", "POST"): {"name": "Next", "sentence": "Answers."},
    ("invitation-list-list", "POST"): {"tenant": "acme", "csv": "new@example.test,viewer"},
    ("tenants:invite-many", "POST"): {"text": "new@example.test", "role": "viewer"},
    ("join-request-list", "POST"): {"tenant": "nowhere", "sentence": "Hello"},
    ("join-request-admit", "POST"): {"role": "viewer"},
    ("join-request-decline", "POST"): {"reason": "No."},
    ("tenants:join", "POST"): {"tenant": "nowhere", "sentence": "Hello", "once": "one-press"},
    ("tenants:admit", "POST"): {"role": "viewer"},
    ("tenants:decline-joining", "POST"): {"reason": "No."},
    ("invitation-list", "POST"): {"tenant": "acme", "email": "new@example.test", "role": "viewer"},
    ("key-list", "POST"): {"environment": HERE, "name": "Next"},
    ("tenants:security", "POST"): {"allowed_email_domains": "example.test", "second_factor": "no", "confirmed": "yes"},
    ("tenant-security", "PATCH"): {"allowed_email_domains": ["example.test"]},
    ("tenants:key-scope", "POST"): {"allowed_networks": "10.0.0.0/8"},
    ("tenants:narrow-key", "POST"): {"route": "echo-model"},
    ("tenants:report-leaked-key", "POST"): {"where": "In a repository"},
    ("tenants:leaked-key", "POST"): {"text": "nothing"},
    ("key-leaked", "POST"): {"where": "In a repository"},
    ("leaked-key-list", "POST"): {"text": "nothing"},
    ("key-hand-over", "POST"): {"holder": "svc.acme.batch"},
    ("tenants:hand-over-key", "POST"): {"holder": "svc.acme.batch"},
    ("service-account-list", "POST"): {"tenant": "acme", "name": "next"},
    ("service-account-tokens", "POST"): {"name": "Next"},
    ("tenants:services", "POST"): {"name": "next", "role": "viewer"},
    ("tenants:issue-service-token", "POST"): {"name": "Next", "once": "one-press"},
    ("offboarding-list", "POST"): {"tenant": "acme", "reason": "Dissolved"},
    ("access:offboard", "POST"): {"reason": "Dissolved", "confirm_name": "acme"},
    ("limit-list", "POST"): {"place": HERE, "requests": 100},
    ("catalog:card-owner", "POST"): {"owner": "rita", "seen": mark_of({"owner": "", "next_review_on": ""})},
    ("catalog:lifecycle", "POST"): {"verb": "evaluate", "reason": "Tried on our cases"},
    ("model-version-detail", "PATCH"): {"owner": "rita"},
    ("model-version-card", "POST"): {"text": "# Next", "why": "Next"},
    ("model-version-lifecycle", "POST"): {"verb": "evaluate", "reason": "Tried on our cases"},
    ("model-version-terms", "POST"): {
        "kind": "licence", "name": "MIT", "text": "You may.", "source_url": "https://example.test/"
    },
    ("catalog:steer", "POST"): {"policy": "weight", "seen": mark_of(_UNSTEERED.as_json())},
    ("catalog:prompting", "POST"): {"system": "none", "seen": mark_of({})},
    ("catalog:deployment", "POST"): {"seen": mark_of({"region": "", "context_tokens": None, "data_classes": []})},
    ("model-prompt-render", "POST"): {"messages": [{"role": "user", "content": "Hello."}]},
    ("access:grant", "POST"): {"seen": mark_of({}), "reason": "Less is enough", "max_output_tokens": "100"},
    ("grant-conditions", "POST"): {"conditions": {"max_output_tokens": 100}, "reason": "Less is enough"},
    ("environment-detail", "PATCH"): {"data_classes": ["internal"]},
    ("tenants:state-data", "POST"): {"kind": "test", "data_classes": "internal", "seen": mark_of({"data_classes": []})},
    ("provider-detail", "PATCH"): {"data_classes": ["internal"]},
    ("catalog:describe-provider", "POST"): {
        "data_classes": "internal", "seen": mark_of({"region": "", "data_classes": []})
    },
    ("usage:capacity", "POST"): {"subject": EMPTY_ROUTE},
    ("retention-list", "GET"): {"tenant": "acme"},
    ("retention-list", "POST"): {"place": HERE, "keep": "both"},
    ("retention-remove", "POST"): {"place": HERE},
    ("retention-bound-list", "POST"): {"kind": "production", "is_allowed": True, "most_days": 7},
    ("erasure-list", "POST"): {"tenant": "acme", "of": "end_user", "subject": "customer 7", "reason": "Asked for it"},
    ("call-erase-content", "POST"): {"reason": "Asked for it"},
    ("usage:change-content", "POST"): {"keep": "both", "days": "7", "share": "100"},
    ("usage:erase-content", "POST"): {"of": "end_user", "subject": "customer 7", "reason": "Asked for it"},
    ("usage:erase-call-content", "POST"): {"reason": "Asked for it"},
    ("usage:content-bounds", "POST"): {"kind": "test", "test-is_allowed": "on", "test-most_days": "7"},
    ("limit-weight", "GET"): {"tenant": "acme"},
    ("limit-weight", "POST"): {"tenant": "acme", "weight": 3},
    ("usage:weigh-tenant", "POST"): {"weight": "3"},
    ("capacity-list", "POST"): {"route": "echo-model", "requests": 100},
    ("limit-request-list", "POST"): {"place": HERE, "requests": 100, "reason": "Live"},
    ("usage:ask-limits", "POST"): {"requests": "100", "span": "month", "reason": "Live"},
    ("key-request-list", "POST"): {"environment": HERE, "reason": "Live"},
    ("access:request-key", "POST"): {"environment": HERE, "reason": "Live"},
    ("delegation-list", "POST"): {"capability": "keys", "mode": "platform", "tenant": "acme", "sentence": "So"},
    ("delegation-preview", "POST"): {"capability": "keys", "mode": "platform", "sentence": "So"},
    ("approvals:change-delegation", "POST"): {"mode": "platform", "sentence": "So", "do": "try"},
    ("budget-list", "POST"): {"place": HERE, "amount": "5"},
    ("usage:change-limits", "POST"): {"requests": "100"},
    ("usage:set-budget", "POST"): {"amount": "5", "span": "month", "is_hard": "true"},
    ("usage:remove-budget", "POST"): {"span": "month"},
    ("mail-choice-list", "PATCH"): {"choices": {"keys": "daily"}},
    ("mail-default-list", "PATCH"): {"tenant": "acme", "defaults": {"limits": "never"}},
    ("webhook-list", "POST"): {"tenant": "acme", "url": "https://next.example/", "events": ["key.issued"]},
    ("notices:choices", "POST"): {"hour": "9"},
    ("notices:add-webhook", "POST"): {"url": "https://next.example/", "events": ["key.issued"], "once": "one-press"},
    ("notices:change-webhook", "POST"): {"url": "https://next.example/", "events": ["key.issued"]},
    ("token-list", "POST"): {"name": "Next"},
    ("request-comment", "POST"): {"text": "Why?"},
    ("request-vote", "POST"): {"verdict": "approve", "comment": "Fine"},
    ("access-request-list", "POST"): {
        "environment": "acme/support/production", "route": "echo-model", "purpose": "Answer"
    },
    ("onboarding-list", "POST"): {"answers": {"isolation": {"level": "shared"}}},
    ("onboarding-detail", "PATCH"): {"answers": {"isolation": {"level": "shared"}}},
    ("access:onboarding-page", "POST"): {"level": "shared"},
    ("playground-session-list", "POST"): {"environment": HERE, "columns": [{"route": "echo-model"}]},
    ("playground:rename", "POST"): {"name": "Next"},
    ("approvals:comment", "POST"): {"text": "Why?", "once": "one-press"},
    ("tenants:change-role", "POST"): {"role": "developer"},
    ("tenants:issue-key", "POST"): {"environment": HERE, "name": "Next"},
    ("tenants:projects", "POST"): _NEXT,
    ("tenants:project", "POST"): {"name": "Next", "purpose": "Try"},
    ("project-move", "POST"): {"to": "globex"},
    ("tenants:members", "POST"): {"person": "ned", "role": "viewer"},
    ("tenants:invite", "POST"): {"email": "new@example.test", "role": "viewer", "once": "one-press"},
    ("tenants:archive", "POST"): {"confirm_name": "acme"},
    ("tenants:archive-project", "POST"): {"confirm_name": "support"},
    ("directory-token-list", "POST"): {"tenant": "acme", "name": "Next"},
    ("directory-rule-list", "POST"): {"tenant": "acme", "group_name": "Next", "role": "viewer"},
    ("directory-rule-preview", "POST"): {"tenant": "acme", "group_name": "Next", "role": "viewer"},
    ("tenants:directory", "POST"): {"name": "Next", "expiry": "90", "once": "one-press"},
    ("tenants:platform-directory", "POST"): {"name": "Next", "expiry": "90", "once": "one-press"},
    ("tenants:new-directory-rule", "POST"): {"group_name": "Next", "role": "viewer"},
    ("tenants:platform-new-directory-rule", "POST"): {"tenant": "acme", "group_name": "Next", "role": "viewer"},
    ("access:structure", "POST"): {"text": "schema: 1\ntenant: acme\n"},
    ("access:apply-structure", "POST"): {"text": "schema: 1\ntenant: acme\n", "fingerprint": "of another plan"},
    ("tenant-file-plan", "POST"): {"document": "schema: 1\ntenant: acme\n"},
    ("tenant-file-apply", "POST"): {"document": "schema: 1\ntenant: acme\n", "fingerprint": "of another plan"},
    ("tenants:settings", "POST"): {"name": "Next", "cost_centre": "CC-2"},
}  # fmt: skip
