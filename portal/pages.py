"""Addresses of the portal's own pages: home, health, platform, the interface guide."""

from django.urls import path

from portal import accounts, bell, guide, health, home, palette, platform, routing_page, second_factor
from portal.account_page import account, end_session

urlpatterns = [
    path("", home.home, name="home"),
    path("home/<slug:part>/", home.following, name="home-following"),
    path("palette/", palette.palette, name="palette"),
    path("notifications/", bell.bell, name="bell"),
    path("notifications/read/", bell.read_all, name="bell-read"),
    path("notifications/<uuid:note_id>/", bell.follow, name="bell-follow"),
    path("notifications/<uuid:note_id>/read/", bell.read_one, name="bell-read-one"),
    path("where/", bell.switcher, name="switcher"),
    path("where/switch/", bell.switch, name="switch"),
    path("theme/", bell.theme, name="theme"),
    path("accounts/settings/", account, name="account"),
    path("accounts/sessions/<int:session_id>/end/", end_session, name="end-session"),
    path("accounts/demonstration/", accounts.demonstration, name="demonstration-sign-in"),
    path("accounts/session/", accounts.session, name="session"),
    path("accounts/signed-in/", accounts.signed_in, name="signed_in"),
    path("account/second-factor/", second_factor.set_up, name="set-up-second-factor"),
    path("account/second-factor/back/", second_factor.go_back, name="second-factor-back"),
    path("platform/", platform.platform, name="platform"),
    path("platform/routing/", routing_page.routing, name="platform-routing"),
    path("platform/settings/", platform.settings_page, name="platform-settings"),
    path("about/ui/", guide.guide, name="ui-guide"),
    path("healthz", health.alive, name="healthz"),
    path("readyz", health.ready, name="readyz"),
]
