"""Addresses of access: asking for it, bringing a team, and what a tenant was granted."""

from django.urls import path

from access.views import asking, grants, team

app_name = "access"
urlpatterns = [
    path("requests/new/access/<path:route>/", asking.ask, name="request"),
    path("tenants/new/", team.new, name="new-tenant"),
    path("tenants/<slug:slug>/grants/", grants.grants, name="grants"),
    path("tenants/<slug:slug>/grants/export.csv", grants.export, name="export-grants"),
    path("tenants/<slug:slug>/grants/<uuid:grant_id>/revoke/", grants.end, name="revoke-grant"),
]
