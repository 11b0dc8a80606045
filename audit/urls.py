from django.urls import URLPattern, URLResolver, path

from audit import pages, verification_list

app_name = "audit"
urlpatterns: list[URLPattern | URLResolver] = [
    path("platform/audit/", pages.search, name="search"),
    path("platform/audit/export.csv", pages.export, name="export"),
    path("platform/audit/verify/", pages.verify, name="verify"),
    path("platform/audit/verifications/", verification_list.verification_list, name="verifications"),
    path("platform/audit/verifications/<uuid:pk>/", pages.verification, name="verification"),
    path("platform/audit/verifications/<uuid:pk>/cancel/", pages.cancel, name="verification-cancel"),
    path("platform/audit/<str:day>/<int:sequence>/", pages.entry, name="entry"),
]
