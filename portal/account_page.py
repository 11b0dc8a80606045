"""The page where a person changes their own settings (name, zone, theme), and the ending of one session."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from portal.context import THEMES
from tenants import sessions
from tenants.models import User
from tenants.names import all_seen
from tenants.own_settings import change_settings, time_zones


def _zones() -> list[tuple[str, str]]:
    named = ((zone, zone.replace("_", " ")) for zone in time_zones() if zone != "UTC")
    return [("UTC", "UTC (the browser's own zone is used on screen)"), *named]


class AccountForm(forms.ModelForm):
    """What a person may say about themselves."""

    time_zone = forms.ChoiceField(
        label="Time zone", choices=_zones, help_text="Exact times are shown in this zone when you point at them."
    )
    theme = forms.ChoiceField(choices=[(code, word) for code, word, _ in THEMES], widget=forms.RadioSelect)

    class Meta:
        model = User
        fields = ("display_name", "time_zone", "theme")
        labels = {"display_name": "Name"}
        help_texts = {"display_name": "How you are called on requests, votes and in the audit."}

    def clean_display_name(self) -> str:
        name: str = self.cleaned_data["display_name"]
        all_seen(name)
        return name


def account(request: HttpRequest) -> HttpResponse:
    """Show and change one's own settings."""
    form = AccountForm(request.POST or None, instance=_own(request))
    if request.method == "POST" and form.is_valid():
        change_settings(user=_own(request), **form.cleaned_data)
        messages.success(request, "Your settings are saved.")
        response = redirect("account")
        response.set_cookie("atrium_theme", form.cleaned_data["theme"], max_age=31_536_000, samesite="Lax")
        return response
    context: dict[str, Any] = {"form": form}
    return render(request, "account/settings.html", context, status=422 if form.errors else 200)


@require_POST
def end_session(request: HttpRequest, session_id: int) -> HttpResponse:
    """Sign out where one of one's own sessions is."""
    own = _own(request)
    sessions.end(sessions=[sessions.find(own, session_id)], by=own)
    messages.success(request, "That session is ended: whoever used it has to sign in again.")
    return redirect("usersessions_list")


def _own(request: HttpRequest) -> User:
    # A copy from the database: a refused form must not change the person that the rest of the page shows.
    return User.objects.get(username=request.user.get_username())
