"""Addresses of the API. Each room registers its view sets in its `api.py` as `register(router)`."""

from importlib import import_module

from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView

from portal.api import (
    problems,
    reading,
    schema,  # noqa: F401  (registers how programs authenticate)
)
from portal.api.routing import Router
from portal.platform import SettingsView, StatusView
from portal.routing_page import RoutingView

router = Router()
for room in (
    "tenants",
    "approvals",
    "catalog",
    "usage",
    "notices",
    "access",
    "playground",
    "audit",
):
    import_module(f"{room}.api").register(router)

urlpatterns = [
    path("schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("docs/", reading.docs, name="api-docs"),
    path("platform/status/", StatusView.as_view(), name="api-status"),
    path("platform/routing/", RoutingView.as_view(), name="api-routing"),
    path("platform/settings/", SettingsView.as_view(), name="api-settings"),
    path("", include(router.urls)),
    re_path(r"^.*$", problems.not_found, name="api-missing"),
]
