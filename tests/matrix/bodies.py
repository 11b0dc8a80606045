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
    ("tenants:settings", "POST"): {"name": "Next", "cost_centre": "CC-2"},
}  # fmt: skip
