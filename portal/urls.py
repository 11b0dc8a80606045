"""The URL map. Every room names its own addresses, from the root, in its `urls.py`."""

from django.urls import include, path

from portal.accounts import SignInView

urlpatterns = [
    path("accounts/login/", SignInView.as_view(), name="account_login"),
    path("accounts/", include("allauth.urls")),
    path("api/", include("portal.api.urls")),
    path("", include("tenants.scim.urls")),
    path("", include("playground.urls")),
    path("", include("access.urls")),
    path("", include("usage.urls")),
    path("", include("notices.urls")),
    path("", include("catalog.urls")),
    path("", include("approvals.urls")),
    path("", include("tenants.urls")),
    path("", include("audit.urls")),
    path("", include("portal.pages")),
]

handler400 = "portal.edge.bad_request"
handler403 = "portal.edge.forbidden"
handler404 = "portal.edge.not_found"
handler500 = "portal.edge.server_error"
