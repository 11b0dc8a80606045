"""One thing of every kind, belonging to Acme and to its developer, so that every address can be asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from io import BytesIO
from uuid import UUID, uuid4

import pytest
from allauth.usersessions.models import UserSession
from django.urls import reverse
from django.utils import timezone

from access.asking import request_access
from access.models import Grant, Offboarding
from access.onboarding.drafting import begin_with
from approvals.attachments.attaching import attach
from approvals.models import DecisionVerification, Review
from approvals.voting import vote
from audit import verifications
from audit.models import Entry
from catalog.cards.keeping import keep_card
from catalog.models import ImportRun, Route
from notices.mail import leaving
from notices.webhooks import delivering, endpoints
from playground.asking import begin_session
from playground.columns import from_api
from playground.models import Answer, Turn
from tenants import elevating, invite_many, keys, ownership, reviewing, role_making, tokens
from tenants.arrivals import Invitation, JoinRequest
from tenants.assigning import give_role
from tenants.directory import tokens as directory_tokens
from tenants.directory.rules import make_rule
from tenants.invite import invite
from tenants.memberships import add_member
from tenants.models import Membership, Notification, User
from tenants.service_accounts import create as create_service_account
from tests.bodies.contents import content_of
from tests.cast import Cast, person, route
from tests.matrix.addresses import Address
from tests.matrix.bodies import EMPTY_ROUTE
from tests.recast import again
from tests.usage.ledger_lines import called
from usage.limits.budgets import set_budget
from usage.limits.places import of_environment, of_tenant

HERE = "acme/support/development"
FRESH_S = 1200  # how long ago it may have been set up: somebody holds a role for an hour
ROLES = {"adam": "admin", "anna": "analyst", "bill": "billing"}  # of Acme, beside the cast's own


@dataclass(frozen=True)
class Stage:
    """Values for the parameters of addresses: those of one address before those of its whole prefix."""

    cast: Cast
    values: dict[str, str]

    @classmethod
    def set_up(cls, cast: Cast) -> Stage:
        asked_route = route()
        # Its form has the fields of its own alone, whatever the keys of deployments.
        Route.objects.create(pk=EMPTY_ROUTE, slug="empty-route", model=asked_route.model, is_enabled=False)
        environment = cast.environment()
        asked = request_access(environment=environment, route=asked_route, purpose="Try", by=cast.dev)
        vote(review=Review.objects.get(request=asked), verdict="approve", comment="Fine", by=cast.rita)
        open_one = request_access(environment=cast.environment("test"), route=asked_route, purpose="Try", by=cast.dev)
        attached = attach(request=open_one, name="Plan.txt", file=BytesIO(b"A plan"), by=cast.dev)
        session = begin_session(
            environment=environment, columns=from_api([{"route": "echo-model"}]), is_blind=False, by=cast.dev
        )
        turn = Turn.objects.create(session=session, position=1, prompt="Hello")
        answer = Answer.objects.create(turn=turn, column=1, route="echo-model", state=Answer.State.DONE, text="Hello")
        begun = begin_with(answers={"isolation": {"level": "shared"}}, by=cast.dev)
        entry = Entry.objects.order_by("pk").first()
        assert entry is not None
        decision = asked.decision
        member = Membership.objects.get(user=cast.vera)
        for username, role in ROLES.items():
            add_member(tenant=cast.acme, user=person(username), role=role, by=cast.olivia)
        many = invite_many.plan(tenant=cast.acme, lines=["more@example.test,viewer"], by=cast.olivia)
        invite_many.go_on(many.pk)
        joining = JoinRequest.objects.create(tenant=cast.acme, asked_for="acme", user=cast.ned, sentence="Me too")
        invited = invite(tenant=cast.acme, email="ned@example.test", role="viewer", by=cast.olivia)
        Invitation.objects.update(last_sent_at=None)  # or it would be too early to send it again
        set_budget(place=of_tenant(cast.acme), amount=Decimal(5), by=cast.pat)
        budget = set_budget(place=of_environment(environment), amount=Decimal(5), by=cast.olivia)
        batch = create_service_account(tenant=cast.acme, name="batch", role="viewer", by=cast.olivia)
        in_project = give_role(project=cast.project, user=batch, role="analyst", by=cast.olivia)
        its_token = tokens.issue(user=batch, name="its", by=cast.olivia)[0].pk
        transfer = ownership.offer(tenant=cast.acme, to=cast.dev, by=cast.olivia)
        ruled = {"role": "viewer", "by": cast.pat}
        own_rule = make_rule(tenant=cast.acme, of_platform=False, group_name="A", **ruled)
        own_token = directory_tokens.issue(tenant=cast.acme, name="own", by=cast.olivia)[0]
        platform_token = directory_tokens.issue(tenant=None, name="all", by=cast.pat)[0]
        own_role = role_making.make(
            tenant=cast.acme, slug="support", name="Support", sentence="Answers.", permissions=["view_usage"],
            by=cast.olivia,
        )  # fmt: skip
        asked_for = elevating.ask(tenant=cast.acme, role="admin", hours=1, reason="On call", by=cast.dev)
        tim = person("tim")
        add_member(tenant=cast.acme, user=tim, role="viewer", by=cast.olivia)
        held = elevating.give(tenant=cast.acme, user=tim, role="analyst", hours=1, reason="On call", by=cast.olivia)
        left = Offboarding.objects.create(
            tenant=cast.acme, slug="acme", name="Acme", reason="Support has moved", requested_by=cast.olivia,
            state="cancelled", erase_after=timezone.now(),
        )  # fmt: skip
        webhook, _ = endpoints.add(
            tenant=cast.acme, url="https://hooks.example.com/", events=["key.issued"], by=cast.olivia
        )
        sent = delivering.test(endpoint=webhook, by=cast.olivia)
        version = asked_route.targets.get().deployment.version
        keep_card(version=version, text="# Echo\n", why="First", by=cast.pat)
        stop = leaving.link(cast.dev, "keys").rstrip("/").rpartition("/")[2]
        values = {
            "home-following part": "work",
            "access:request route": "echo-model",
            "access: grant_id": Grant.objects.get().pk,
            "grant- pk": Grant.objects.get().pk,
            "access: pk": begun.pk,
            "access: step": "isolation",
            "onboarding- pk": begun.pk,
            "approvals: number": open_one.number,
            "request- number": open_one.number,
            "approvals: document_id": attached.pk,
            "request- document_id": attached.pk,
            "decision-verification- pk": DecisionVerification.objects.create(asked_by="Ada").pk,
            "approvals: decision_id": decision.pk,
            "decision- pk": decision.pk,
            "approvals: slug": "risk",
            "approvals:policy slug": "access",
            "approvals: capability": "keys",
            "board- slug": "risk",
            "policy- pk": asked.policy.pk,
            "audit:entry day": entry.day,
            "audit:entry sequence": entry.sequence,
            "audit-entry- pk": entry.pk,
            "audit: pk": verifications.start(by=cast.ada).pk,
            "audit-verification- pk": verifications.start(by=cast.ada).pk,
            "bell- note_id": Notification.objects.create(user=cast.dev, title="Look", path="/").pk,
            "notification- pk": Notification.objects.create(user=cast.dev, title="Look").pk,
            "catalog:model slug": "echo-model",
            "catalog:switch-route slug": "echo-model",
            "catalog:steer slug": "empty-route",
            "catalog: pk": asked_route.targets.get().deployment_id,
            "catalog: slug": "echo",
            "provider- slug": "echo",
            "model- slug": "echo-model",
            "model-version- pk": version.pk,
            "catalog:card-edit pk": version.pk,
            "catalog:card-import pk": version.pk,
            "catalog:card-editions pk": version.pk,
            "catalog:card-download pk": version.pk,
            "catalog:card-terms pk": version.pk,
            "catalog:card-owner pk": version.pk,
            "catalog:lifecycle pk": version.pk,
            "route- slug": "echo-model",
            "deployment- pk": asked_route.targets.get().deployment_id,
            "catalog:import pk": ImportRun.objects.create(sources={"prices": "p 1", "facts": "f 1"}).pk,
            "catalog:cancel-import pk": ImportRun.objects.create(state="queued").pk,
            "catalog-import- pk": ImportRun.objects.create().pk,
            "playground: session_id": session.pk,
            "playground:answer answer_id": answer.pk,
            "playground:sent-for answer_id": answer.pk,
            "playground-session- pk": session.pk,
            "tenants: project_id": cast.project.pk,
            "tenants:change-project-role role_id": in_project.pk,
            "tenants:end-project-role role_id": in_project.pk,
            "project-role- pk": in_project.pk,
            "tenants: key_id": keys.issue(environment=environment, name="job", by=cast.olivia).key.pk,
            "key- pk": keys.issue(environment=environment, name="other", by=cast.olivia).key.pk,
            "tenants: account_id": batch.pk,
            "service-account- pk": batch.pk,
            "service-account- token_id": its_token,
            "tenants:revoke-service-token token_id": its_token,
            "tenants: token_id": tokens.issue(user=cast.dev, name="laptop", by=cast.dev)[0].pk,
            "token- pk": tokens.issue(user=cast.dev, name="desk", by=cast.dev)[0].pk,
            "tenants: membership_id": member.pk,
            "membership- pk": member.pk,
            "access-review- pk": reviewing.begin(tenant=cast.acme, by=cast.olivia).pk,
            "tenants: transfer_id": transfer.pk,
            "ownership-transfer- pk": transfer.pk,
            "tenants: elevation_id": asked_for.pk,
            "elevation- pk": asked_for.pk,
            "tenants:end-elevation elevation_id": held.pk,
            "elevation-end pk": held.pk,
            "tenants: role_id": own_role.pk,
            "custom-role- pk": own_role.pk,
            "tenants: username": "ned",
            "person- username": "ned",
            "tenants:invitation token": invited.secret,
            "tenants: invitation_id": invited.invitation.pk,
            "invitation- pk": invited.invitation.pk,
            "tenants: batch_id": many.pk,
            "invitation-list- pk": many.pk,
            "tenants: asked_id": joining.pk,
            "join-request- pk": joining.pk,
            "my-invitation- pk": invited.invitation.pk,
            "usage:call pk": (call := called(environment)).pk,
            "call- pk": content_of(call).pk,
            "usage:call-content pk": call.pk,
            "usage:download-content pk": call.pk,
            "usage:erase-call-content pk": call.pk,
            "usage:capacity slug": "echo-model",
            "usage:set-price pk": asked_route.targets.get().deployment_id,
            "budget- pk": budget.pk,
            "offboarding- pk": left.pk,
            "access:offboarding pk": left.pk,
            "project- pk": cast.project.pk,
            "environment- pk": environment.pk,
            "tenants: rule_id": own_rule.pk,
            "tenants:platform- rule_id": make_rule(tenant=cast.acme, of_platform=True, group_name="B", **ruled).pk,
            "tenants:revoke-directory-token token_id": own_token.pk,
            "tenants:platform-revoke-directory-token token_id": platform_token.pk,
            "directory-token- pk": own_token.pk,
            "directory-rule- pk": own_rule.pk,
            "scim path": "Users",
            "notices: endpoint_id": webhook.pk,
            "webhook- pk": webhook.pk,
            "notices: delivery_id": sent.pk,
            "webhook-delivery- pk": sent.pk,
            "notices:stop token": stop,
            "notices:undo token": leaving.leave(stop)[1],
            "my-session- pk": _session(cast.dev).pk,
            " slug": "acme",
        }
        return cls(cast, {name: str(value) for name, value in values.items()})

    def path_of(self, address: Address) -> str:
        """The address with values in place of its parameters."""
        return _filled(address, {name: self._value(address.name, name) for name in address.parameters})

    def missing_path_of(self, address: Address) -> str:
        """The address of something of the same kind that does not exist: the last of its parameters leads nowhere."""
        given = {name: self._value(address.name, name) for name in address.parameters}
        last = next(reversed(given))
        return _filled(address, given | {last: _nothing_like(given[last])})

    def _value(self, address: str, parameter: str) -> str:
        fitting = [
            (len(prefix), value)
            for key, value in self.values.items()
            for prefix, _, name in [key.rpartition(" ")]
            if name == parameter and address.startswith(prefix)
        ]
        assert fitting, f"tests/matrix/stage.py has no value for {parameter} of {address}"
        return max(fitting)[1]


@pytest.fixture
def stage(db: None) -> Stage:
    """The stage with its cast, set up once and put back for each test."""
    return again(_set_up, FRESH_S)


def _set_up() -> Stage:
    return Stage.set_up(Cast.create())


def _session(user: User) -> UserSession:
    return UserSession.objects.create(user=user, ip="10.0.0.1", session_key="a-session-of-somebody", user_agent="Lynx")


def _filled(address: Address, given: dict[str, str]) -> str:
    if "^" not in address.route:
        return reverse(address.name, kwargs=given) if address.name != "" else "/"
    path = address.route.replace("^", "").replace("$", "")
    for name, value in given.items():
        path = re.sub(rf"\(\?P<{name}>(?:[^()]|\([^()]*\))*\)", value, path)
    return f"/{path}"


def _nothing_like(value: str) -> str:
    """A value of the same form that nothing has."""
    try:
        UUID(value)
    except ValueError:
        return "987654" if value.isdigit() else "2001-02-03" if value.startswith("20") else "no-such-thing"
    return str(uuid4())
