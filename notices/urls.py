"""Addresses of mails and webhooks."""

from django.urls import URLPattern, URLResolver, path

from notices.mail import pages as mail
from notices.webhooks import pages as webhooks

app_name = "notices"
urlpatterns: list[URLPattern | URLResolver] = [
    path("account/notifications/", mail.choices, name="choices"),
    path("mail/stop/<str:token>/", mail.stop, name="stop"),
    path("mail/undo/<str:token>/", mail.undo, name="undo"),
    path("tenants/<slug:slug>/notifications/", mail.defaults, name="defaults"),
    path("tenants/<slug:slug>/webhooks/", webhooks.webhooks, name="webhooks"),
    path("tenants/<slug:slug>/webhooks/add/", webhooks.add, name="add-webhook"),
    path("tenants/<slug:slug>/webhooks/<uuid:endpoint_id>/", webhooks.webhook, name="webhook"),
    path("tenants/<slug:slug>/webhooks/<uuid:endpoint_id>/change/", webhooks.change, name="change-webhook"),
    path("tenants/<slug:slug>/webhooks/<uuid:endpoint_id>/secret/", webhooks.new_secret, name="webhook-secret"),
    path("tenants/<slug:slug>/webhooks/<uuid:endpoint_id>/test/", webhooks.test, name="test-webhook"),
    path("tenants/<slug:slug>/webhooks/<uuid:endpoint_id>/switch/", webhooks.switch, name="switch-webhook"),
    path("tenants/<slug:slug>/webhooks/<uuid:endpoint_id>/remove/", webhooks.remove, name="remove-webhook"),
    path("tenants/<slug:slug>/deliveries/<uuid:delivery_id>/", webhooks.delivery, name="delivery"),
    path("tenants/<slug:slug>/deliveries/<uuid:delivery_id>/replay/", webhooks.replay, name="replay"),
]
