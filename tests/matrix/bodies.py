"""What is sent to verbs that look at the body before they ask who may: enough for them to be carried out."""

from __future__ import annotations

from typing import Any

HERE = "acme/support/development"
_NEXT = {"slug": "next", "name": "Next"}

BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("tenant-list", "POST"): {**_NEXT, "owner": "ned"},
    ("project-list", "POST"): {**_NEXT, "tenant": "acme"},
    ("membership-list", "POST"): {"tenant": "acme", "person": "ned", "role": "viewer"},
    ("membership-detail", "PATCH"): {"role": "developer"},
    ("access-review-list", "POST"): {"tenant": "acme"},
    ("access-review-confirm", "POST"): {"memberships": ["00000000-0000-7000-8000-000000000000"]},
    ("ownership-transfer-list", "POST"): {"tenant": "acme", "person": "vera"},
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
    ("tenants:key-scope", "POST"): {"allowed_networks": "10.0.0.0/8"},
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
    ("limit-list", "POST"): {"place": HERE, "requests": 100},
    ("budget-list", "POST"): {"place": HERE, "amount": "5"},
    ("usage:change-limits", "POST"): {"requests": "100"},
    ("usage:set-budget", "POST"): {"amount": "5", "span": "month", "is_hard": "true"},
    ("usage:remove-budget", "POST"): {"span": "month"},
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
    ("tenants:settings", "POST"): {"name": "Next", "cost_centre": "CC-2"},
}  # fmt: skip
