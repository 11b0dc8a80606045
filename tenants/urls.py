"""Addresses of tenants, people and keys."""

from django.urls import URLPattern, URLResolver, include, path

from tenants.views import audit, leaks, listing, members, overview, people, projects, settings, tokens

app_name = "tenants"
urlpatterns: list[URLPattern | URLResolver] = [
    path("tenants/", listing.tenant_list, name="list"),
    path("tenants/create/", listing.create, name="create"),
    path("tenants/<slug:slug>/", overview.overview, name="overview"),
    path("tenants/<slug:slug>/members/", members.members, name="members"),
    path("tenants/<slug:slug>/members/<uuid:membership_id>/role/", members.change_role, name="change-role"),
    path("tenants/<slug:slug>/members/<uuid:membership_id>/removal/", members.removal, name="removal"),
    path("tenants/<slug:slug>/members/<uuid:membership_id>/remove/", members.remove, name="remove-member"),
    path("tenants/<slug:slug>/projects/", projects.projects, name="projects"),
    path("", include("tenants.key_urls")),
    path("tenants/<slug:slug>/settings/", settings.settings, name="settings"),
    path("tenants/<slug:slug>/roles/", settings.roles, name="roles"),
    path("tenants/<slug:slug>/audit/", audit.audit, name="audit"),
    path("leaked-key/", leaks.hand_in, name="leaked-key"),
    path("account/tokens/", tokens.tokens, name="tokens"),
    path("account/tokens/<uuid:token_id>/revoke/", tokens.revoke, name="revoke-token"),
    path("platform/people/", people.people, name="people"),
    path("platform/people/<str:username>/", people.person, name="person"),
    path("platform/people/<str:username>/appointment/", people.appointment, name="appointment"),
    path("platform/people/<str:username>/activation/", people.activation, name="activation"),
]
