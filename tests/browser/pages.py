"""Every named page, as whom it is looked at: what `make shots` takes pictures of and axe reads.

A room adds its pages here. `account` is a demonstration account; `then` are selectors to press, in order.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class NamedPage:
    """A page to look at: its file name, its address, the account, what to press first."""

    name: str
    path: str
    account: str | None = None
    then: tuple[str, ...] = ()


SMOLLM2 = "/catalog/models/smollm2-135m-instruct/"

PAGES: tuple[NamedPage, ...] = (
    NamedPage("sign-in", "/accounts/login/"),
    NamedPage("sign-up", "/accounts/signup/"),
    NamedPage("password-reset", "/accounts/password/reset/"),
    NamedPage("sign-on-cancelled", "/accounts/3rdparty/login/cancelled/"),
    NamedPage("sign-on-failed", "/accounts/3rdparty/login/error/"),
    NamedPage("home-newcomer", "/", "newcomer"),
    NamedPage("home-developer", "/", "developer"),
    NamedPage("home-board", "/", "risk-board"),
    NamedPage("home-platform", "/", "platform-admin"),
    NamedPage("platform-settings", "/platform/settings/", "platform-admin"),
    NamedPage("account", "/accounts/settings/", "developer"),
    NamedPage("account-password", "/accounts/password/change/", "developer"),
    NamedPage("account-email", "/accounts/email/", "developer"),
    NamedPage("account-second-factor", "/accounts/2fa/", "developer"),
    NamedPage("account-sessions", "/accounts/sessions/", "developer"),
    NamedPage("notifications", "/notifications/", "developer"),
    NamedPage("notifications-none-fits", "/notifications/?q=zzzz&state=unread", "developer"),
    NamedPage("switcher", "/where/", "developer"),
    NamedPage("search", "/palette/?q=a", "developer"),
    NamedPage("palette", "/", "developer", ("[data-palette-open]",)),
    NamedPage("shortcuts", "/", "developer", (".at-foot [data-dialog='#shortcuts']",)),
    NamedPage("home-owner", "/", "tenant-owner"),
    NamedPage("home-finops", "/", "finops"),
    NamedPage("home-auditor", "/", "auditor"),
    NamedPage("catalog", "/catalog/", "developer"),
    NamedPage("catalog-search", "/catalog/?q=cheap+vision+model", "developer"),
    NamedPage("catalog-nothing", "/catalog/?q=zzzzqqqq", "newcomer"),
    NamedPage("model", f"{SMOLLM2}", "developer"),
    NamedPage("model-newcomer", f"{SMOLLM2}", "newcomer"),
    NamedPage("model-deployments", f"{SMOLLM2}?tab=deployments", "platform-admin"),
    NamedPage("model-pricing", f"{SMOLLM2}?tab=pricing", "developer"),
    NamedPage("model-access", f"{SMOLLM2}?tab=access", "developer"),
    NamedPage("model-usage", f"{SMOLLM2}?tab=usage", "tenant-owner"),
    NamedPage("model-changes", f"{SMOLLM2}?tab=changes", "developer"),
    NamedPage("compare", "/catalog/compare/?m=smollm2-135m-instruct&m=gpt-4o&m=claude-sonnet-4.5", "developer"),
    NamedPage("compare-nothing", "/catalog/compare/", "developer"),
    NamedPage("playground", "/playground/?m=smollm2&m=smollm2-batch", "developer"),
    NamedPage("playground-newcomer", "/playground/", "newcomer"),
    NamedPage("playground-viewer", "/playground/", "viewer"),
    NamedPage("playground-session", "/playground/latest/", "developer"),
    NamedPage("playground-sessions", "/playground/sessions/", "developer"),
    NamedPage("playground-sessions-newcomer", "/playground/sessions/", "newcomer"),
    NamedPage("playground-sessions-none-fits", "/playground/sessions/?q=zzzz&whose=pinned", "developer"),
    NamedPage("request-access", "/requests/new/access/smollm2-customer/", "developer"),
    NamedPage("request-access-newcomer", "/requests/new/access/smollm2-customer/", "newcomer"),
    NamedPage("requests", "/requests/", "developer"),
    NamedPage("requests-newcomer", "/requests/", "newcomer"),
    NamedPage("request", "/requests/11/", "claire.fontaine"),
    NamedPage("request-evidence", "/requests/11/?tab=evidence", "risk-board"),
    NamedPage("request-history", "/requests/11/?tab=history", "risk-board"),
    NamedPage("board", "/board/", "risk-board"),
    NamedPage("board-empty", "/board/", "legal-board"),
    NamedPage("decision", "/requests/11/", "risk-board", ("main a[href^='/decisions/']",)),
    NamedPage("bring-team", "/tenants/new/", "newcomer"),
    NamedPage("tenants", "/tenants/", "developer"),
    NamedPage("tenants-newcomer", "/tenants/", "newcomer"),
    NamedPage("tenants-platform", "/tenants/", "platform-admin"),
    NamedPage("tenant-create", "/tenants/create/", "platform-admin"),
    NamedPage("tenant", "/tenants/retail-banking/", "tenant-owner"),
    NamedPage("tenant-members", "/tenants/retail-banking/members/", "tenant-owner"),
    NamedPage("tenant-members-none-fits", "/tenants/retail-banking/members/?q=zzzz&role=owner", "tenant-owner"),
    NamedPage("tenant-projects", "/tenants/retail-banking/projects/", "tenant-owner"),
    NamedPage("tenant-keys", "/tenants/retail-banking/keys/", "tenant-owner"),
    NamedPage("tenant-key-new", "/tenants/retail-banking/keys/issue/", "tenant-owner"),
    NamedPage("tenant-key", "/tenants/retail-banking/keys/", "tenant-owner", ("main tbody a[href*='/keys/']",)),
    NamedPage("tenant-grants", "/tenants/retail-banking/grants/", "tenant-owner"),
    NamedPage("tenant-settings", "/tenants/retail-banking/settings/", "tenant-owner"),
    NamedPage("tenant-roles", "/tenants/retail-banking/roles/", "viewer"),
    NamedPage("tenant-audit", "/tenants/retail-banking/audit/", "tenant-owner"),
    NamedPage("tokens", "/account/tokens/", "developer"),
    NamedPage("tokens-none-fits", "/account/tokens/?q=zzzz&state=expired", "developer"),
    NamedPage("usage", "/usage/", "finops"),
    NamedPage("usage-mine", "/usage/?person=me", "developer"),
    NamedPage("usage-newcomer", "/usage/", "newcomer"),
    NamedPage("usage-by-project", "/usage/?period=90d&by=project", "tenant-owner"),
    NamedPage("calls", "/usage/calls/", "tenant-owner"),
    NamedPage("calls-platform", "/usage/calls/?period=90d", "finops"),
    NamedPage("calls-oldest", "/usage/calls/?period=90d&sort=when", "tenant-owner"),
    NamedPage("usage-search", "/usage/?by=key&q=zzzz", "tenant-owner"),
    NamedPage("call", "/usage/calls/?period=90d", "finops", ("main tbody a[href*='/usage/calls/']",)),
    NamedPage("audit", "/platform/audit/", "auditor"),
    NamedPage("audit-entry", "/platform/audit/", "auditor", ("main tbody a[href^='/platform/audit/2']",)),
    NamedPage("audit-verify", "/platform/audit/", "auditor", ("form[action='/platform/audit/verify/'] button",)),
    NamedPage("platform", "/platform/", "platform-admin"),
    NamedPage("set-price", f"{SMOLLM2}?tab=pricing", "finops", ("main a[href^='/usage/prices/']",)),
    NamedPage("providers", "/platform/providers/", "platform-admin"),
    NamedPage("providers-none-fits", "/platform/providers/?q=zzzz&state=connected", "platform-admin"),
    NamedPage("provider-models", "/platform/providers/local/?models=1", "platform-admin"),
    NamedPage("provider", "/platform/providers/local/", "platform-admin"),
    NamedPage("provider-connect", "/platform/providers/connect/", "platform-admin"),
    NamedPage("policies", "/platform/policies/", "platform-admin"),
    NamedPage("policies-none-fits", "/platform/policies/?q=zzzz&show=earlier", "platform-admin"),
    NamedPage("boards", "/platform/boards/", "platform-admin"),
    NamedPage("people", "/platform/people/", "platform-admin"),
    NamedPage("person", "/platform/people/developer/", "platform-admin"),
    NamedPage("api", "/api/docs/", "developer"),
    NamedPage("forbidden", "/platform/people/", "developer"),
    NamedPage("not-found", "/nothing-here/", "developer"),
    NamedPage("interface-guide", "/about/ui/", "developer"),
)
