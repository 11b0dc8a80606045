"""The addresses of SCIM. Below them the protocol routes by itself (RFC 7644 §3.2)."""

from django.urls import path

from tenants.scim.views import scim

urlpatterns = [
    path("scim/v2", scim, name="scim-root"),
    path("scim/v2/", scim, name="scim-root-slash"),
    path("scim/v2/<path:path>", scim, name="scim"),
]
