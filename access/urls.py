"""Addresses of access: asking for it, bringing a team, and what a tenant was granted."""

from django.urls import path

from access.views import asking, grant, grants, keys, offboarding, onboarding, structure, welcome

app_name = "access"
urlpatterns = [
    path("requests/new/access/<path:route>/", asking.ask, name="request"),
    path("tenants/new/", onboarding.new, name="new-tenant"),
    path("tenants/new/<uuid:pk>/", onboarding.overview, name="onboarding"),
    path("tenants/new/<uuid:pk>/check/", onboarding.check, name="onboarding-check"),
    path("tenants/new/<uuid:pk>/discard/", onboarding.discard, name="discard-onboarding"),
    path("tenants/new/<uuid:pk>/retry/", onboarding.retry, name="retry-onboarding"),
    path("tenants/new/<uuid:pk>/take-back/", onboarding.take_back, name="take-back-onboarding"),
    path("tenants/new/<uuid:pk>/<slug:step>/", onboarding.page, name="onboarding-page"),
    path("tenants/<slug:slug>/welcome/", welcome.welcome, name="welcome"),
    path("tenants/<slug:slug>/offboarding/", offboarding.offboarding, name="offboard"),
    path("tenants/<slug:slug>/offboarding/call-off/", offboarding.call_off, name="call-off"),
    path("tenants/<slug:slug>/offboarding/retry/", offboarding.retry, name="retry-offboarding"),
    path("tenants/<slug:slug>/offboarding/archive.zip", offboarding.archive, name="archive-of"),
    path("tenants/<slug:slug>/offboarding/content.jsonl", offboarding.content, name="content-of"),
    path("offboardings/<uuid:pk>/", offboarding.certificate, name="offboarding"),
    path("tenants/<slug:slug>/structure/", structure.structure, name="structure"),
    path("tenants/<slug:slug>/structure/apply/", structure.apply, name="apply-structure"),
    path("tenants/<slug:slug>/structure/tenant.yaml", structure.download, name="download-structure"),
    path("tenants/<slug:slug>/keys/ask/", keys.ask, name="request-key"),
    path("tenants/<slug:slug>/grants/", grants.grants, name="grants"),
    path("tenants/<slug:slug>/grants/export.csv", grants.export, name="export-grants"),
    path("tenants/<slug:slug>/grants/<uuid:grant_id>/", grant.grant, name="grant"),
    path("tenants/<slug:slug>/grants/<uuid:grant_id>/revoke/", grants.end, name="revoke-grant"),
]
