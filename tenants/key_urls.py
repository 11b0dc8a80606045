"""Addresses of a tenant's keys, from `/tenants/<slug>/keys/`."""

from django.urls import URLPattern, URLResolver, path

from tenants.views import key_rotation, key_scope, keys

urlpatterns: list[URLPattern | URLResolver] = [
    path("", keys.key_list, name="keys"),
    path("issue/", keys.issue, name="issue-key"),
    path("<uuid:key_id>/", keys.key_page, name="key"),
    path("<uuid:key_id>/revoke/", keys.revoke, name="revoke-key"),
    path("<uuid:key_id>/scope/", key_scope.scope, name="key-scope"),
    path("<uuid:key_id>/rotate/", key_rotation.rotate, name="rotate-key"),
]
