"""What a tenant asks of who comes in: e-mail domains, networks, a second factor. Set, shown beforehand, kept to."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from access.asking import request_access
from approvals.commenting import comment
from approvals.voting import vote
from audit.models import Entry
from tenants import join, tokens
from tenants.directory.rules import make_rule
from tenants.invite import accept, invite
from tenants.invite_many import go_on, rows_of
from tenants.invite_many import plan as plan_list
from tenants.memberships import add_member
from tenants.models import Membership, Notification, Tenant, User
from tenants.security.domains import DomainNotAllowed, DomainNotUnderstood, domains_of, is_of
from tenants.security.setting import secure
from tenants.service_accounts import create as create_service_account
from tests.cast import Cast, person, route

PAGE = "/tenants/acme/security/"
API = "/api/tenants/acme/security/"
NOTHING = {"allowed_email_domains": "", "allowed_networks": "", "second_factor": "no"}


def signed_in(user: User, **options: Any) -> Client:
    client = Client(**options)
    client.force_login(user)
    return client


def with_factor(user: User) -> User:
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": "x"})
    return user


def by_token(user: User, **options: Any) -> Client:
    secret = tokens.issue(user=user, name="t", by=user)[1]
    return Client(headers={"Authorization": f"Bearer {secret}"}, **options)


def tenant() -> Tenant:
    return Tenant.objects.get(slug="acme")


def test_it_works(cast: Cast) -> None:
    owner = signed_in(with_factor(cast.olivia))
    asked = {
        "allowed_email_domains": "example.test", "allowed_networks": "127.0.0.0/8\n2001:db8::/32", "second_factor": "14"
    }  # fmt: skip
    shown = owner.post(PAGE, asked).content.decode()
    assert "Whom this concerns" in shown and "2 members without a second factor" in shown
    assert tenant().allowed_email_domains == [], "seen is not done"
    assert owner.post(PAGE, asked | {"confirmed": "yes"}).status_code == 302
    assert tenant().allowed_email_domains == ["example.test"]
    assert tenant().allowed_networks == ["127.0.0.0/8", "2001:db8::/32"]
    since = tenant().second_factor_from
    assert since and dt.timedelta(days=13) < since - timezone.now() <= dt.timedelta(days=14)
    entry = Entry.objects.filter(verb="security.changed").get()
    assert entry.facts["before"]["allowed_email_domains"] == []
    assert Notification.objects.filter(user=cast.dev, title__contains="asks for a second factor").exists()
    page = signed_in(cast.dev).get("/").content.decode()
    assert "Acme asks for a second factor from" in page and f"{since:%-d %B %Y}" in page
    assert owner.post(PAGE, asked | {"second_factor": "keep", "confirmed": "yes"}).status_code == 302
    assert tenant().second_factor_from == since
    assert Entry.objects.filter(verb="security.changed").count() == 1, "the same again changes nothing"


def test_the_api_says_does_and_previews_the_same(cast: Cast) -> None:
    api = by_token(with_factor(cast.olivia))
    person("stranger@other.example")
    asked = {"allowed_email_domains": ["Other.Example."], "second_factor_from": "2026-01-01T00:00:00Z"}
    seen = api.post(f"{API}preview/", asked, content_type="application/json").json()
    assert seen["members_outside"] == ["olivia", "dev", "vera"]
    assert seen["members_without_second_factor"] == ["dev", "vera"]
    assert tenant().allowed_email_domains == []
    done = api.patch(API, asked, content_type="application/json")
    assert (done.status_code, done.json()["allowed_email_domains"]) == (200, ["other.example"])
    assert api.get(API).json() == done.json() == seen
    back = api.patch(API, {"second_factor_from": None, "allowed_email_domains": []}, content_type="application/json")
    assert back.json()["second_factor_from"] is None
    wrong = api.patch(API, {"allowed_networks": ["10.0.0.1/8"]}, content_type="application/json")
    assert (wrong.status_code, wrong.json()["field"]) == (422, "allowed_networks")


# --- domains ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("Example.COM", "example.com"), ("example.com.", "example.com"), ("*.Example.com", "*.example.com"),
        ("münchen.example", "xn--mnchen-3ya.example"), ("xn--mnchen-3ya.example", "xn--mnchen-3ya.example"),
        ("straße.example", "xn--strae-oqa.example"), ("ｅxample.com", "example.com"),
        ("exаmple.com", "xn--exmple-4nf.com"),
    ],
)  # fmt: skip
def test_a_domain_is_kept_in_one_form_and_a_look_alike_is_another(given: str, kept: str) -> None:
    assert domains_of([given, given]) == [kept]


@pytest.mark.parametrize("wrong", ["example", "*.com", "*", "a@example.com", "-a.example", "exa mple.com", "*.*.a.b"])
def test_what_is_no_domain_is_refused(wrong: str) -> None:
    with pytest.raises(DomainNotUnderstood) as told:
        domains_of([wrong])
    assert told.value.field == "allowed_email_domains"


@pytest.mark.parametrize(
    ("address", "fits"),
    [
        ("a@example.com", True), ("A@EXAMPLE.com", True), ("a@example.com.", True), ("a@b.example.com", False),
        ("a@evil-example.com", False), ("a@example.com.evil.test", False), ("a@exаmple.com", False),
        ('"x@example.com"@evil.test', False), ("a@sub.below.test", True), ("a@x.sub.below.test", True),
        ("a@below.test", False), ("", False), ("a@", False),
    ],
)  # fmt: skip
def test_an_address_is_of_a_domain_exactly_or_below_a_star(address: str, fits: bool) -> None:
    assert is_of(address, ["example.com", "*.below.test"]) is fits
    assert is_of(address, [])


def test_nobody_of_another_domain_comes_in_by_any_way(cast: Cast) -> None:
    waiting = invite(tenant=cast.acme, email="ned@example.test", role="viewer", by=cast.olivia)
    Tenant.objects.update(is_discoverable=True)
    asked = join.ask(slug="acme", sentence="Me too", by=cast.greta)
    secure(tenant=cast.acme, by=cast.olivia, allowed_email_domains=["acme.example"])
    with pytest.raises(DomainNotAllowed) as told:
        invite(tenant=cast.acme, email="new@example.test", role="viewer", by=cast.olivia)
    assert told.value.field == "email"
    with pytest.raises(DomainNotAllowed):
        accept(invitation=waiting.invitation, by=cast.ned)
    with pytest.raises(DomainNotAllowed):
        join.admit(asked=asked, role="viewer", by=cast.olivia)
    with pytest.raises(DomainNotAllowed):
        add_member(tenant=cast.acme, user=cast.rita, role="viewer", by=cast.olivia)
    listed = plan_list(tenant=tenant(), lines=["x@example.test,viewer", "y@acme.example,viewer"], by=cast.olivia)
    go_on(listed.pk)
    listed.refresh_from_db()
    assert [row.outcome for row in rows_of(listed)] == ["domain_not_allowed", "invite"]
    for asked_for in ("", "?show=domain_not_allowed"):
        page = signed_in(cast.olivia).get(f"/tenants/acme/invitations/lists/{listed.pk}/{asked_for}")
        assert page.status_code == 200 and "Domain not allowed" in page.content.decode()
    page = signed_in(cast.olivia).post("/tenants/acme/members/", {"person": "rita", "role": "viewer"})
    assert page.status_code == 422 and "acme.example" in page.content.decode()
    assert Membership.objects.filter(tenant=cast.acme).count() == 3, "who was in stays"
    add_member(tenant=cast.acme, user=cast.dev, role="viewer", by=cast.olivia)  # another role is no joining
    create_service_account(tenant=cast.acme, name="batch", by=cast.olivia)


def test_an_address_counts_once_it_is_confirmed(cast: Cast) -> None:
    secure(tenant=cast.acme, by=cast.olivia, allowed_email_domains=["acme.example"])
    given = EmailAddress.objects.create(user=cast.ned, email="Ned@Acme.Example", verified=False)
    with pytest.raises(DomainNotAllowed):
        add_member(tenant=cast.acme, user=cast.ned, role="viewer", by=cast.olivia)
    EmailAddress.objects.filter(pk=given.pk).update(verified=True)
    add_member(tenant=cast.acme, user=cast.ned, role="viewer", by=cast.olivia)


def test_an_unconfirmed_address_on_the_account_does_not_count_where_it_is_asked_for(
    cast: Cast, settings: Settings
) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    User.objects.filter(pk=cast.ned.pk).update(email="ned@acme.example")
    EmailAddress.objects.create(user=cast.ned, email="ned@acme.example", verified=False, primary=True)
    secure(tenant=cast.acme, by=cast.olivia, allowed_email_domains=["acme.example"])
    with pytest.raises(DomainNotAllowed):
        add_member(tenant=cast.acme, user=User.objects.get(pk=cast.ned.pk), role="viewer", by=cast.olivia)


def test_a_directory_s_rules_let_nobody_of_another_domain_in_and_the_audit_says_so(cast: Cast) -> None:
    from tenants.directory import claims

    secure(tenant=cast.acme, by=cast.olivia, allowed_email_domains=["acme.example"])
    make_rule(tenant=cast.acme, of_platform=True, group_name="Builders", role="developer", by=cast.pat)
    claims.follow(user=cast.ned, groups=["Builders"], by=cast.pat)
    assert not Membership.objects.filter(user=cast.ned).exists()
    assert Entry.objects.get(verb="directory.left_undone").facts["reason"] == "domain_not_allowed"


def test_members_of_other_domains_are_shown_beforehand_and_marked(cast: Cast) -> None:
    owner = signed_in(cast.olivia)
    User.objects.filter(pk=cast.olivia.pk).update(email="olivia@acme.example")
    invite(tenant=cast.acme, email="new@example.test", role="viewer", by=cast.olivia)
    shown = owner.post(PAGE, NOTHING | {"allowed_email_domains": "acme.example"}).content.decode()
    assert "2 members of other domains" in shown and "1 open invitation to other domains" in shown
    secure(tenant=cast.acme, by=cast.olivia, allowed_email_domains=["acme.example"])
    assert owner.get("/tenants/acme/members/").content.decode().count("other e-mail domain") == 2


# --- networks --------------------------------------------------------------------------------------------------------


def test_from_another_network_a_page_says_what_was_seen_and_who_can_change_it(cast: Cast) -> None:
    secure(tenant=cast.acme, by=cast.olivia, allowed_networks=["203.0.113.0/24", "2001:db8::/32"])
    inside, outside = signed_in(cast.dev, REMOTE_ADDR="203.0.113.7"), signed_in(cast.dev, REMOTE_ADDR="198.51.100.4")
    assert inside.get("/tenants/acme/").status_code == 200
    assert signed_in(cast.dev, REMOTE_ADDR="2001:db8::5").get("/tenants/acme/").status_code == 200
    refused = outside.get("/tenants/acme/")
    told = refused.content.decode()
    assert refused.status_code == 403
    assert "you come from 198.51.100.4" in told and "an owner of Acme or the platform team" in told
    assert "Support" not in told
    assert by_token(cast.dev, REMOTE_ADDR="198.51.100.4").get("/api/tenants/acme/").json()["code"] == (
        "network_not_allowed"
    )
    assert by_token(cast.dev, REMOTE_ADDR="203.0.113.7").get("/api/tenants/acme/").status_code == 200
    assert by_token(cast.dev, REMOTE_ADDR="198.51.100.4").get("/api/projects/").json()["results"] == []


def test_what_a_client_says_of_its_address_is_believed_of_trusted_proxies_alone(cast: Cast, settings: Settings) -> None:
    secure(tenant=cast.acme, by=cast.olivia, allowed_networks=["203.0.113.0/24"])
    spoofed = signed_in(cast.dev, headers={"X-Forwarded-For": "203.0.113.7"})
    assert spoofed.get("/tenants/acme/").status_code == 403
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    assert spoofed.get("/tenants/acme/").status_code == 200
    behind = signed_in(cast.dev, headers={"X-Forwarded-For": "203.0.113.7, 198.51.100.4"})
    assert behind.get("/tenants/acme/").status_code == 403


def test_nobody_shuts_themselves_out_and_the_platform_team_can_mend(cast: Cast) -> None:
    owner = signed_in(cast.olivia)
    refused = owner.post(PAGE, NOTHING | {"allowed_networks": "203.0.113.0/24", "confirmed": "yes"})
    assert refused.status_code == 422
    assert "This would shut you out: you come from 127.0.0.1" in refused.content.decode()
    assert tenant().allowed_networks == []
    platform = by_token(cast.pat)
    done = platform.patch(API, {"allowed_networks": ["203.0.113.0/24"]}, content_type="application/json")
    assert done.status_code == 200
    assert owner.get(PAGE).status_code == 403
    assert platform.patch(API, {"allowed_networks": []}, content_type="application/json").status_code == 200
    assert owner.get(PAGE).status_code == 200


def test_a_file_asks_it_too_and_an_export_says_it(cast: Cast) -> None:
    from access.applying.applying import apply
    from access.applying.exporting import export
    from access.applying.planning import plan
    from access.applying.reading import read

    text = (
        "schema: 1\ntenant: acme\nsecurity:\n  email_domains: [Example.test]\n  networks: [127.0.0.0/8]\n"
        "  second_factor_from: 2027-01-31\n"
    )
    seen = plan(document=read(text), tenant=cast.acme, prune=False, by=cast.olivia)
    apply(document=read(text), tenant=cast.acme, prune=False, fingerprint=seen.fingerprint, by=cast.olivia)
    assert tenant().allowed_networks == ["127.0.0.0/8"]
    assert tenant().second_factor_from == dt.datetime(2027, 1, 31, tzinfo=dt.UTC)
    again = plan(document=read(export(tenant())), tenant=tenant(), prune=True, by=cast.olivia)
    assert not again.steps


# --- the second factor -----------------------------------------------------------------------------------------------


def test_who_has_none_is_led_to_setting_one_up_and_back(cast: Cast) -> None:
    secure(tenant=cast.acme, by=cast.olivia, second_factor_from=timezone.now())
    dev = signed_in(cast.dev)
    assert "Acme asks for a second factor from now on" in dev.get("/notifications/").content.decode()
    refused = dev.get("/tenants/acme/keys/?state=old")
    assert refused.status_code == 403
    way = "/account/second-factor/?next=%2Ftenants%2Facme%2Fkeys%2F%3Fstate%3Dold"
    assert way in refused.content.decode()
    assert dev.get(way).headers["Location"] == "/accounts/2fa/"
    assert "go back to where you were" not in dev.get("/").content.decode()
    with_factor(cast.dev)
    assert "go back to where you were" in dev.get("/accounts/2fa/").content.decode()
    assert dev.post("/account/second-factor/back/").headers["Location"] == "/tenants/acme/keys/?state=old"
    assert dev.get("/tenants/acme/keys/").status_code == 200
    assert "go back to where you were" not in dev.get("/").content.decode()


@pytest.mark.parametrize("elsewhere", ["https://evil.test/", "//evil.test", "javascript:alert(1)", "\\\\evil.test"])
def test_nobody_is_led_elsewhere(cast: Cast, elsewhere: str) -> None:
    dev = signed_in(with_factor(cast.dev))
    dev.get("/account/second-factor/", {"next": elsewhere})
    assert dev.post("/account/second-factor/back/").headers["Location"] == "/"


def test_tokens_of_who_has_none_are_refused_too_and_service_accounts_are_not(cast: Cast) -> None:
    secure(tenant=cast.acme, by=cast.olivia, second_factor_from=timezone.now())
    assert by_token(cast.dev).get("/api/tenants/acme/").json()["code"] == "second_factor_needed"
    batch = create_service_account(tenant=cast.acme, name="batch", role="viewer", by=cast.olivia)
    assert by_token(batch).get("/api/tenants/acme/").status_code == 200
    assert by_token(with_factor(cast.dev)).get("/api/tenants/acme/").status_code == 200


def test_recovery_codes_alone_are_none(cast: Cast) -> None:
    secure(tenant=cast.acme, by=cast.olivia, second_factor_from=timezone.now())
    Authenticator.objects.create(user=cast.dev, type=Authenticator.Type.RECOVERY_CODES, data={"seed": "x"})
    assert signed_in(cast.dev).get("/tenants/acme/").status_code == 403


def test_until_its_day_the_tenant_stays_open(cast: Cast) -> None:
    secure(tenant=cast.acme, by=cast.olivia, second_factor_from=timezone.now() + dt.timedelta(days=2))
    dev = signed_in(cast.dev)
    assert dev.get("/tenants/acme/").status_code == 200
    Tenant.objects.update(second_factor_from=timezone.now() - dt.timedelta(seconds=1))
    assert dev.get("/tenants/acme/").status_code == 403


def test_who_asks_it_of_others_has_one(cast: Cast) -> None:
    owner = signed_in(cast.olivia)
    for confirmed in ({}, {"confirmed": "yes"}):
        refused = owner.post(PAGE, NOTHING | {"second_factor": "14"} | confirmed)
        shown = refused.content.decode()
        assert refused.status_code == 422 and "You have no second factor yourself" in shown
        assert "Whom this concerns" not in shown
        assert 'href="/account/second-factor/?next=%2Ftenants%2Facme%2Fsecurity%2F"' in shown
    with_factor(cast.olivia)
    assert owner.post(PAGE, NOTHING | {"second_factor": "14", "confirmed": "yes"}).status_code == 302


def test_a_tenant_that_is_closed_closes_no_other(cast: Cast) -> None:
    add_member(tenant=cast.globex, user=cast.dev, role="viewer", by=cast.greta)
    secure(tenant=cast.acme, by=cast.olivia, second_factor_from=timezone.now())
    dev = signed_in(cast.dev)
    assert dev.get("/tenants/globex/").status_code == 200
    assert [each["slug"] for each in by_token(cast.dev).get("/api/tenants/").json()["results"]] == ["globex"]


@pytest.mark.parametrize(
    ("claimed", "opens"),
    [
        ({"amr": ["pwd", "mfa"]}, True), ({"acr": "phr"}, True), ({"amr": ["pwd"]}, False), ({"amr": "mfa"}, False),
        ({"acr": "0"}, False), ({}, False), (None, False),
    ],
)  # fmt: skip
def test_a_sign_in_service_may_vouch_for_one(cast: Cast, claimed: dict[str, Any] | None, opens: bool, rf: Any) -> None:
    from allauth.socialaccount.models import SocialAccount, SocialLogin

    from portal.second_factor import vouch
    from tenants.whence import of_page, of_token

    account = SocialAccount(user=cast.dev, provider="staff", uid="1", extra_data={"userinfo": {"amr": ["mfa"]}})
    if claimed is not None:
        account.extra_data["id_token"] = claimed
    request = rf.get("/")
    request.session = signed_in(cast.dev).session
    vouch(request, SocialLogin(user=cast.dev, account=account))
    assert of_page(request).vouched is opens
    assert not of_token(request).vouched
    vouch(request, None)
    assert not of_page(request).vouched, "another sign-in ends it"


def test_notices_of_requests_are_not_shown_while_the_tenant_is_closed(cast: Cast) -> None:
    """To its members; who sits on the board is told by themselves, and reads on."""
    asked = request_access(environment=cast.environment(), route=route(), purpose="Answers", by=cast.dev)
    comment(request=asked, text="Which data?", by=cast.rita)
    vote(review=asked.reviews.get(), verdict="approve", comment="Fine", by=cast.rita)
    titles = {"Approved: Support asks to use Echo Model in development", f"Rita on {asked.title}"}
    assert set(Notification.objects.filter(user=cast.dev, tenant=cast.acme).values_list("title", flat=True)) == titles
    dev = signed_in(cast.dev)
    pages = ("/notifications/", "/notifications/?format=csv", "/api/notifications/")
    assert all("Support asks" in told_by(dev.get(page)) for page in pages)
    Tenant.objects.filter(pk=cast.acme.pk).update(allowed_networks=["203.0.113.0/24"])
    assert not any("Support asks" in told_by(dev.get(page)) for page in pages)
    assert "Support asks" in told_by(signed_in(cast.rob).get("/notifications/"))


def told_by(answer: Any) -> str:
    return (answer.getvalue() if answer.streaming else answer.content).decode()
