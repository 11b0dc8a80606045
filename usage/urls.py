from django.urls import URLPattern, URLResolver, path

import catalog.converters  # noqa: F401  (how a name is written in an address)
from usage import call_page, calls_page, overview_page, price_page
from usage.bodies import pages as content
from usage.bodies import reading_page
from usage.capacity import pages as capacity
from usage.limits import asking_page
from usage.limits import pages as limits
from usage.tail import pages as tail

app_name = "usage"
urlpatterns: list[URLPattern | URLResolver] = [
    path("usage/", overview_page.overview, name="overview"),
    path("usage/export.csv", overview_page.export, name="export"),
    path("usage/calls/", calls_page.calls, name="calls"),
    path("usage/calls/export.csv", calls_page.export, name="calls-export"),
    path("usage/calls/<uuid:pk>/", call_page.call, name="call"),
    path("usage/calls/<uuid:pk>/content/", reading_page.content, name="call-content"),
    path("usage/calls/<uuid:pk>/content/download/", reading_page.download, name="download-content"),
    path("usage/calls/<uuid:pk>/content/erase/", reading_page.erase, name="erase-call-content"),
    path("tenants/<slug:slug>/content/", content.content, name="content"),
    path("tenants/<slug:slug>/content/change/", content.change, name="change-content"),
    path("tenants/<slug:slug>/content/erase/", content.erase, name="erase-content"),
    path("platform/content/", content.bounds, name="content-bounds"),
    path("usage/prices/<uuid:pk>/", price_page.price, name="set-price"),
    path("tenants/<slug:slug>/calls/", tail.live, name="live"),
    path("tenants/<slug:slug>/calls/stream/", tail.live_stream, name="live-stream"),
    path("tenants/<slug:slug>/limits/", limits.limits, name="limits"),
    path("tenants/<slug:slug>/limits/change/", limits.change, name="change-limits"),
    path("tenants/<slug:slug>/limits/ask/", asking_page.ask, name="ask-limits"),
    path("tenants/<slug:slug>/limits/weight/", limits.weigh, name="weigh-tenant"),
    path("platform/models/<name:slug>/limits/", capacity.capacity, name="capacity"),
    path("tenants/<slug:slug>/budgets/set/", limits.budget, name="set-budget"),
    path("tenants/<slug:slug>/budgets/remove/", limits.remove, name="remove-budget"),
]
