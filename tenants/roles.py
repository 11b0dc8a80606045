"""Roles and what they may do: the one table. django-guardian holds the result per tenant (`tenants.memberships`) and,
for who has a further role in one project, per project (`tenants.assigning`)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Role:
    """A role: its slug, name, one sentence, and the permissions it holds (`app.codename`)."""

    slug: str
    name: str
    sentence: str
    permissions: frozenset[str]


def _role(slug: str, name: str, sentence: str, *permissions: str) -> tuple[str, Role]:
    return slug, Role(slug, name, sentence, frozenset(permissions))


_VIEW = "tenants.view_tenant"
_USE = ("tenants.use_models", "tenants.request_access")

TENANT_ROLES: dict[str, Role] = dict(
    [
        _role(
            "owner",
            "Owner",
            "Answers for the tenant: everything, including its settings and its members.",
            _VIEW,
            *_USE,
            "tenants.manage_tenant",
            "tenants.manage_members",
            "tenants.manage_keys",
            "tenants.view_usage",
            "tenants.read_content",
            "tenants.view_tenant_audit",
        ),
        _role(
            "admin",
            "Admin",
            "Runs the tenant day by day: members, keys, requests.",
            _VIEW,
            *_USE,
            "tenants.manage_members",
            "tenants.manage_keys",
            "tenants.view_usage",
            "tenants.view_tenant_audit",
        ),
        _role(
            "developer",
            "Developer",
            "Builds: tries models, requests access, issues keys.",
            _VIEW,
            *_USE,
            "tenants.manage_keys",
            "tenants.view_usage",
        ),
        _role("analyst", "Analyst", "Tries models and sees usage.", _VIEW, *_USE, "tenants.view_usage"),
        _role("viewer", "Viewer", "Sees the tenant, its projects and its usage.", _VIEW, "tenants.view_usage"),
        _role("billing", "Billing", "Sees what the tenant uses and spends.", _VIEW, "tenants.view_usage"),
    ]
)


def strength(role: Role) -> tuple[bool, bool, int]:
    """What the stronger of two roles has more of: who answers for the tenant, then who gives roles, then who may do
    more things. A role that holds all of another's and more is the stronger one."""
    return ("tenants.manage_tenant" in role.permissions, "tenants.manage_members" in role.permissions,
            len(role.permissions))  # fmt: skip


# What of a tenant's permissions means something in one project alone: what belongs to its environments, what it is
# called and how it is limited within, and who else has a role in it. Who comes into the tenant, its projects as a whole
# and its audit stay the tenant's.
PROJECT_PERMISSIONS = frozenset(
    {
        *_USE,
        "tenants.manage_keys",
        "tenants.view_usage",
        "tenants.read_content",
        "tenants.manage_members",
        "tenants.manage_tenant",
    }
)


def _in_project(slug: str, sentence: str) -> tuple[str, Role]:
    of_tenant = TENANT_ROLES[slug]
    return slug, Role(slug, of_tenant.name, sentence, of_tenant.permissions & PROJECT_PERMISSIONS)


# In one project, beside a role in its tenant: the same words, cut down to what means something there. Viewer and
# billing are not among them, as they add nothing to being a member.
PROJECT_ROLES: dict[str, Role] = dict(
    [
        _in_project(
            "owner",
            "Answers for the project: its name and purpose, the limits of its environments, and all that is below.",
        ),
        _in_project("admin", "Runs the project day by day: who has a role in it, keys, requests."),
        _in_project("developer", "Builds in the project: tries models, requests access, issues keys."),
        _in_project("analyst", "Tries the project's models and sees its usage."),
    ]
)

# Above tenants: held as model-level permissions, which reach every object.
PLATFORM_ROLES: dict[str, Role] = dict(
    [
        _role(
            "platform",
            "Platform",
            "Publishes models and providers, sets prices and policies, keeps it running.",
            _VIEW,
            "tenants.add_tenant",
            "tenants.view_user",
            "tenants.change_user",
            "tenants.manage_tenant",
            "tenants.manage_members",
            "tenants.view_usage",
            "tenants.view_tenant_audit",
            "catalog.manage_catalog",
            "usage.manage_prices",
            "usage.manage_limits",
            "usage.manage_retention",
            "approvals.manage_policies",
            "approvals.view_request",
            "audit.search_entry",
        ),
        _role(
            "finops",
            "FinOps",
            "Sees and explains every cent of every tenant.",
            _VIEW,
            "tenants.view_usage",
            "usage.manage_prices",
            "usage.manage_limits",
        ),
        _role(
            "auditor",
            "Auditor",
            "Sees everything, changes nothing.",
            _VIEW,
            "tenants.view_user",
            "tenants.view_usage",
            "tenants.view_tenant_audit",
            "approvals.view_request",
            "audit.search_entry",
        ),
    ]
)
