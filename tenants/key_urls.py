"""Addresses of a tenant's keys, and of the service accounts that hold some."""

from django.urls import URLPattern, URLResolver, path

from tenants.views import bulk_revoking, key_rotation, key_scope, keys, leaks, service_accounts

urlpatterns: list[URLPattern | URLResolver] = [
    path("tenants/<slug:slug>/keys/", keys.key_list, name="keys"),
    path("tenants/<slug:slug>/keys/issue/", keys.issue, name="issue-key"),
    path("tenants/<slug:slug>/keys/revoke/", bulk_revoking.revoke_many, name="revoke-keys"),
    path("tenants/<slug:slug>/keys/<uuid:key_id>/", keys.key_page, name="key"),
    path("tenants/<slug:slug>/keys/<uuid:key_id>/revoke/", keys.revoke, name="revoke-key"),
    path("tenants/<slug:slug>/keys/<uuid:key_id>/leaked/", leaks.report, name="report-leaked-key"),
    path("tenants/<slug:slug>/keys/<uuid:key_id>/scope/", key_scope.scope, name="key-scope"),
    path("tenants/<slug:slug>/keys/<uuid:key_id>/scope/called/", key_scope.narrow_to_called, name="narrow-key"),
    path("tenants/<slug:slug>/keys/<uuid:key_id>/rotate/", key_rotation.rotate, name="rotate-key"),
    path("tenants/<slug:slug>/keys/<uuid:key_id>/holder/", keys.hand_over, name="hand-over-key"),
    path("tenants/<slug:slug>/services/", service_accounts.services, name="services"),
    path("tenants/<slug:slug>/services/<uuid:account_id>/", service_accounts.service, name="service"),
    path("tenants/<slug:slug>/services/<uuid:account_id>/switch/", service_accounts.switch, name="switch-service"),
    path(
        "tenants/<slug:slug>/services/<uuid:account_id>/tokens/",
        service_accounts.issue_token,
        name="issue-service-token",
    ),
    path(
        "tenants/<slug:slug>/services/<uuid:account_id>/tokens/<uuid:token_id>/revoke/",
        service_accounts.revoke_token,
        name="revoke-service-token",
    ),
]
