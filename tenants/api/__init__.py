"""What this room offers on the control-plane API: tenants and what is in them, keys, people, oneself."""

from rest_framework.routers import DefaultRouter


def register(router: DefaultRouter) -> None:
    """Add this room's view sets to the API."""
    from tenants.api import (  # view sets read models, which must be loaded first
        arriving,
        directories,
        elevations,
        keys,
        lists,
        ownership,
        people,
        project_roles,
        reviewing,
        roles,
        service_accounts,
        sessions,
        structure,
    )

    router.register("me", people.MeViewSet, basename="me")
    router.register("my-sessions", sessions.SessionViewSet, basename="my-session")
    router.register("notifications", people.NotificationViewSet, basename="notification")
    router.register("people", people.PersonViewSet, basename="person")
    router.register("tenants", structure.TenantViewSet, basename="tenant")
    router.register("projects", structure.ProjectViewSet, basename="project")
    router.register("environments", structure.EnvironmentViewSet, basename="environment")
    router.register("access-reviews", reviewing.AccessReviewViewSet, basename="access-review")
    router.register("memberships", structure.MembershipViewSet, basename="membership")
    router.register("elevations", elevations.ElevationViewSet, basename="elevation")
    router.register("custom-roles", roles.CustomRoleViewSet, basename="custom-role")
    router.register("project-roles", project_roles.ProjectRoleViewSet, basename="project-role")
    router.register("ownership-transfers", ownership.OwnershipTransferViewSet, basename="ownership-transfer")
    router.register("invitations", arriving.InvitationViewSet, basename="invitation")
    router.register("my-invitations", arriving.MyInvitationViewSet, basename="my-invitation")
    router.register("invitation-lists", lists.InvitationListViewSet, basename="invitation-list")
    router.register("join-requests", lists.JoinRequestViewSet, basename="join-request")
    router.register("keys", keys.KeyViewSet, basename="key")
    router.register("service-accounts", service_accounts.ServiceAccountViewSet, basename="service-account")
    router.register("leaked-keys", keys.LeakedKeyViewSet, basename="leaked-key")
    router.register("tokens", keys.TokenViewSet, basename="token")
    router.register("directory-tokens", directories.DirectoryTokenViewSet, basename="directory-token")
    router.register("directory-rules", directories.DirectoryRuleViewSet, basename="directory-rule")
    router.register("directory-people", directories.DirectoryPersonViewSet, basename="directory-person")
