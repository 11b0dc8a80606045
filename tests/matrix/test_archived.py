"""Archived, nothing changes: every address that changes something in a tenant, asked by who may, refuses it by name.

What ends something goes on, and so does what brings it back; each is named here with its reason. An address that is on
neither list has to be refused.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import transaction

from audit.models import Entry
from playground.models import Answer
from tenants import archiving
from tenants.memberships import add_member
from tests.matrix.bodies import BODIES
from tests.matrix.stage import Stage
from tests.matrix.test_who_may import PEOPLE, by_name, client_of, send, told

DONE = ("200", "201", "202", "204", "302", "409", "422")  # the person may, whatever came of it
# Addresses that are no tenant's: the platform's, the catalog's, one's own account, and a team that is yet to come.
OF_NO_TENANT = (
    "api-docs", "me-", "notification-", "person-", "token-", "board-", "policy-", "provider-", "route-", "price-",
    "deployment-", "model-", "risk-rule-",
    "capacity-", "usage:capacity", "retention-bound-", "usage:content-bounds",
    "catalog", "audit", "onboarding-", "leaked-key-", "bell", "theme", "healthz",
    "readyz", "usage:set-price",
    "access:new-tenant", "access:discard-onboarding", "access:onboarding-", "access:retry-", "access:take-back-",
    "approvals:policies", "approvals:policy-document", "approvals:change-delegation", "delegation-preview",
    "approvals:policies", "approvals:change-delegation", "delegation-preview",
    "decision-verification-", "approvals:decision-verification",
    "approvals:board", "approvals:seat", "approvals:unseat", "tenants:create", "tenants:tokens",
    "tenants:revoke-token", "tenants:leaked-key", "tenants:platform-", "mail-choice-", "my-session-", "notices:choices",
    "notices:stop", "notices:undo", "tenants:appointment", "tenants:activation", "switch",
    "second-factor-",
)  # fmt: skip
BACK_AND_AWAY = {
    "tenant-archive": "archived already", "tenants:archive": "archived already",
    "tenant-restore": "brings it back", "tenants:restore": "brings it back",
    "tenant-list": "makes another tenant",
    "ownership-transfer-decline": "ends it", "ownership-transfer-withdraw": "ends it",
    "tenants:decline-ownership": "ends it", "tenants:withdraw-ownership": "ends it",
    "membership-detail DELETE": "leaving and removing", "tenants:remove-member": "leaving and removing",
    "project-role-detail DELETE": "ends it", "tenants:end-project-role": "ends it",
    "invitation-withdraw": "ends it", "tenants:withdraw": "ends it",
    "my-invitation-decline": "ends it", "tenants:decline-invitation": "ends it",
    "invitation-list-cancel": "ends it", "tenants:cancel-invitation-list": "ends it",
    "elevation-decline": "ends it", "tenants:decline-elevation": "ends it",
    "elevation-withdraw": "ends it", "tenants:withdraw-elevation": "ends it",
    "elevation-end": "ends it", "tenants:end-elevation": "ends it",
    "join-request-decline": "ends it", "tenants:decline-joining": "ends it",
    "join-request-withdraw": "ends it", "tenants:withdraw-joining": "ends it",
    "join-request-list": "the same is said whoever it is that is asked", "tenants:join": "the same is said",
    "key-revoke": "ends it", "key-revoke-many": "ends it", "tenants:revoke-key": "ends it",
    "tenants:revoke-keys": "ends it", "key-leaked": "ends it", "tenants:report-leaked-key": "ends it",
    "service-account-switch-off": "ends it", "tenants:switch-service": "ends it",
    "service-account-revoke-token": "ends it", "tenants:revoke-service-token": "ends it",
    "offboarding-list": "it leaves, archived or not", "access:offboard": "it leaves, archived or not",
    "offboarding-call-off": "keeps it", "access:call-off": "keeps it",
    "offboarding-retry": "goes on with its leaving", "access:retry-offboarding": "goes on with its leaving",
    "directory-rule-detail DELETE": "ends it", "tenants:end-directory-rule": "ends it",
    "tenant-security-preview": "only looks",
    "directory-rule-preview": "only looks", "directory-rule-preview-end": "only looks",
    "directory-token-revoke": "ends it", "tenants:revoke-directory-token": "ends it",
    "webhook-detail DELETE": "ends it", "notices:remove-webhook": "ends it",
    "webhook-switch-off": "ends it", "notices:switch-webhook": "ends it, as nothing says to switch it on",
    "grant-revoke": "ends it", "access:revoke-grant": "ends it",
    "request-withdraw": "ends it", "approvals:withdraw": "ends it",
    "request-suspend": "ends it", "approvals:suspend": "ends it",
    "request-comment": "what is said about it changes nothing", "approvals:comment": "what is said about it",
    "playground-session-stop": "ends it", "playground:stop": "ends it",
    "playground-session-detail DELETE": "ends it", "playground:delete": "ends it",
    "erasure-list": "who asks to be erased is", "usage:erase-content": "who asks to be erased is",
    "call-erase-content": "who asks to be erased is", "usage:erase-call-content": "who asks to be erased is",
}  # fmt: skip
# What belongs to the tenant and to no project of it goes on while a project is archived.
OF_THE_TENANT = (
    "tenant-", "tenants:settings", "tenants:security", "tenants:members", "tenants:change-role", "membership-",
    "invitation-",
    "my-invitation-", "join-request-", "ownership-transfer-", "access-review-",
    "tenants:begin-access-review", "tenants:confirm-access", "tenants:invite", "tenants:resend", "tenants:accept-",
    "tenants:admit", "tenants:confirm-invitation-list", "tenants:ownership", "tenants:projects", "project-list",
    "directory-", "tenants:directory", "tenants:new-directory-rule", "webhook-", "mail-default-", "notices:",
    "service-account-", "tenants:services", "tenants:issue-service-token",
    "delegation-list", "usage:ask-limits",
    "usage:change-content",
    "usage:change-limits", "usage:weigh-tenant", "limit-weight", "usage:set-budget", "usage:remove-budget",
    "access:structure", "access:apply-structure",
    "elevation-", "tenants:new-elevation", "tenants:stand-in", "tenants:grant-elevation",
    "custom-role-", "tenants:new-role", "tenants:role", "tenants:retire-role",
    "project-archive", "tenants:archive-project", "project-restore", "tenants:restore-project",
)  # fmt: skip
# Forms that do not offer what is archived: a body that names it is not understood, and nothing is done.
NOT_OFFERED = {"access:request", "access:request-key", "tenants:issue-key"}
REFUSED = re.compile("(tenant|project)_archived|can be read and not changed|is archived")
SENT: dict[tuple[str, str], dict[str, Any]] = {
    ("project-move", "POST"): {"to": "globex"},
    ("ownership-transfer-list", "POST"): {"tenant": "acme", "person": "vera"},
    ("tenants:ownership", "POST"): {"person": "…"},
    ("tenants:move-project", "POST"): {"to": "globex", "confirm_name": "support"},
    ("tenants:issue-key", "POST"): {"environment": "…", "name": "Next", "once": "one-press"},
    ("tenants:rotate-key", "POST"): {"overlap": "0", "once": "one-press"},
    ("access:request", "POST"): {"environment": "…", "purpose": "Try", "once": "one-press"},
    ("playground:rename", "POST"): {"name": "Next"},
    ("playground:share", "POST"): {"shared": "1"},
    ("playground-session-votes", "POST"): {"turn": "…", "winner": "…"},
    ("playground:vote", "POST"): {"winner": "…"},
    ("playground-session-detail", "PATCH"): {"name": "Next"},
}  # fmt: skip


def goes_on(name: str, method: str, what: str) -> bool:
    if name.startswith(OF_NO_TENANT) or name in BACK_AND_AWAY or f"{name} {method}" in BACK_AND_AWAY:
        return True
    return what == "project" and name.startswith(OF_THE_TENANT)


@pytest.mark.django_db
@pytest.mark.parametrize("what", ["tenant", "project"])
def test_nothing_changes_in_what_is_archived(stage: Stage, what: str) -> None:
    addresses, cast = by_name(), stage.cast
    add_member(tenant=cast.globex, user=cast.olivia, role="owner", by=cast.greta)  # where a project could go
    if what == "tenant":
        archiving.archive_tenant(tenant=cast.acme, by=cast.olivia)
    else:
        archiving.archive_project(project=cast.project, by=cast.olivia)
    clients = {person: client_of(cast, person, by_script=True) for person in PEOPLE if person != "nobody"}
    wrong, refused = [], 0
    for (name, method), statuses in told().items():
        if method == "GET" or goes_on(name, method, what):
            continue
        for person, client in clients.items():
            if statuses[PEOPLE.index(person)] not in DONE:
                continue
            before = Entry.objects.count()
            with transaction.atomic():
                answer = send(client, method, stage.path_of(addresses[name]), sent(stage, name, method), keep=True)
                written = Entry.objects.count() - before
                transaction.set_rollback(True)
            if not written and (name in NOT_OFFERED or REFUSED.search(answer.content.decode())):
                refused += 1
            else:
                wrong.append(f"{method} {name} as {person}: {answer.status_code}, {written} written down")
    assert not wrong, "\n".join(wrong)
    assert refused > 30


def sent(stage: Stage, name: str, method: str) -> dict[str, Any] | None:
    body = SENT.get((name, method), BODIES.get((name, method)))
    if body is None:
        return None
    answer = Answer.objects.get()
    here = {"turn": str(answer.turn_id), "winner": str(answer.pk)}
    here |= {"environment": str(stage.cast.environment().pk), "person": str(stage.cast.vera.pk)}
    return {field: here[field] if value == "…" else value for field, value in body.items()}


def test_the_lists_name_what_there_is() -> None:
    names = {name for name, _ in told()}
    assert not [name for name in BACK_AND_AWAY if name.split()[0] not in names]
    assert not [prefix for prefix in (*OF_NO_TENANT, *OF_THE_TENANT) if not any(n.startswith(prefix) for n in names)]
