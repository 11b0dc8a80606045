"""Addresses of directories: a tenant's own, and the same pages above tenants for the platform's."""

from django.urls import URLPattern, path

from tenants.views import directory, directory_rules


def _pages(prefix: str, names: str) -> list[URLPattern]:
    return [
        path(prefix, directory.directory, name=f"{names}directory"),
        path(f"{prefix}people/", directory.people, name=f"{names}directory-people"),
        path(f"{prefix}rules/new/", directory_rules.new, name=f"{names}new-directory-rule"),
        path(f"{prefix}rules/<uuid:rule_id>/end/", directory_rules.end, name=f"{names}end-directory-rule"),
        path(f"{prefix}tokens/<uuid:token_id>/revoke/", directory.revoke_token, name=f"{names}revoke-directory-token"),
    ]


urlpatterns = [*_pages("tenants/<slug:slug>/directory/", ""), *_pages("platform/directory/", "platform-")]
