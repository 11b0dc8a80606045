"""Which events a tenant's programs may hear of: verbs of the audit, by what they are about. One list for the form, the
API and the outbox."""

from __future__ import annotations

TEST = "webhook.test"

GROUPS: tuple[tuple[str, dict[str, str]], ...] = (
    (
        "Keys",
        {
            "key.issued": "A key was issued",
            "key.rotated": "A key was replaced",
            "key.narrowed": "What a key allows was changed",
            "key.handed_over": "A key was given to another holder",
            "key.expiry_warned": "A key expires within a week",
            "key.revoked": "A key was revoked",
            "key.leaked": "A key was reported as leaked",
        },
    ),
    (
        "Members",
        {
            "membership.added": "A member was added",
            "membership.changed": "A member's role was changed",
            "membership.removed": "A member was removed",
            "service.created": "A service account was created",
            "service.switched_off": "A service account was switched off",
            "service.switched_on": "A service account was switched on",
            "join.asked": "Somebody asks to join",
        },
    ),
    (
        "Access",
        {
            "request.submitted": "Something was requested",
            "request.approved": "A request was approved",
            "request.refused": "A request was refused",
            "request.sent_back": "A request was sent back to who asked",
            "request.withdrawn": "A request was withdrawn",
            "request.expired": "A request expired",
            "request.suspended": "An approval was suspended",
            "request.resumed": "An approval was resumed",
            "request.superseded": "A newer approval took the place of another",
            "request.lapsed": "An approval is no longer valid",
            "grant.given": "Access was given",
            "grant.expiry_warned": "Access ends within two weeks",
            "grant.revoked": "Access was revoked",
        },
    ),
    (
        "Limits and budgets",
        {
            "limits.changed": "Limits were changed",
            "budget.set": "A budget was set",
            "budget.removed": "A budget was removed",
            "budget.warned": "A budget nears its end",
        },
    ),
    (
        "The tenant",
        {
            "tenant.changed": "The tenant's settings were changed",
            "tenant.archived": "The tenant was archived",
            "tenant.restored": "The tenant was restored",
            "project.created": "A project was created",
            "ownership.transferred": "The tenant has another owner",
            "members.review_concluded": "An access review is over",
            "project.changed": "A project was changed",
            "project.moved": "A project moved to another tenant",
            "project.arrived": "A project came from another tenant",
            "project.archived": "A project was archived",
            "project.restored": "A project was restored",
        },
    ),
)

EVENTS: dict[str, str] = {verb: words for _, verbs in GROUPS for verb, words in verbs.items()}


def words_of(kind: str) -> str:
    """What an event is called."""
    return "A test" if kind == TEST else EVENTS.get(kind, kind)
