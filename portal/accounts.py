"""Signing in: who may sign up, the demonstration's one-click accounts, and what an ended session answers.

The pages themselves are django-allauth's; `portal.account_page` is the page where a person changes their own settings.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter, get_adapter
from allauth.account.models import EmailAddress
from allauth.account.utils import perform_login
from allauth.account.views import LoginView
from allauth.core import ratelimit
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.core.validators import RegexValidator
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST
from requests import RequestException

from refusals import Refusal
from tenants.models import User
from tenants.views.invited import pending

TRIES_FROM_ANYWHERE = "login_failed_anywhere"
TOO_MANY_TRIES_S = 300  # as long as `ACCOUNT_RATE_LIMITS` remembers a failed try
# What looks like an e-mail address as a user name could be taken for the person who has that address.
username_validators = [
    RegexValidator(
        r"^[\w.+-]+\Z", "Use letters, digits and . + - _ in a user name; your e-mail address has its own field."
    )
]


class AccountAdapter(DefaultAccountAdapter):
    """Sign-up is open in the demonstration or where the operator opened it; elsewhere people are invited."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "username_password_mismatch": "This user name and password do not belong together.",
        "email_password_mismatch": "This e-mail address and password do not belong together.",
        "too_many_login_attempts": (
            "There were too many failed tries. Wait five minutes and try again, or reset the password."
        ),
        "account_inactive": "This account is switched off. Ask the platform team.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return settings.DEMONSTRATION or settings.OPEN_SIGNUP or pending(request) is not None

    def clean_email(self, email: str) -> str:
        """Where sign-up is closed, an invitation opens it for the invited address alone."""
        address: str = super().clean_email(email)
        if self.request is None or settings.DEMONSTRATION or settings.OPEN_SIGNUP or self.request.user.is_authenticated:
            return address
        invitation = pending(self.request)
        if invitation is not None and address.lower() != invitation.email:
            raise ValidationError("Your invitation is for another address. Use the one that it was sent to.")
        return address

    def get_email_verification_redirect_url(self, email_address: EmailAddress) -> str:
        """Back to the invitation, for whom one brought here."""
        if self.request is not None and pending(self.request) is not None:
            return reverse("tenants:my-invitations")
        return str(super().get_email_verification_redirect_url(email_address))

    def _name_tried(self, request: HttpRequest, **credentials: Any) -> str:
        return super()._get_login_attempts_cache_key(request, **credentials)

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """A name's tries are counted for each address: who guesses at it elsewhere does not keep its person out."""
        return f"{self._name_tried(request, **credentials)}:{self.get_client_ip(request)}"

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Refuse where there were too many failed tries, from this address or from all: many machines guess as well."""
        super().pre_authenticate(request, **credentials)
        name = self._name_tried(request, **credentials)
        if not ratelimit.consume(request, action=TRIES_FROM_ANYWHERE, key=name, dry_run=True):
            raise self.validation_error("too_many_login_attempts")

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Count the failed try, wherever it came from."""
        super().authentication_failed(request, **credentials)
        name = self._name_tried(request, **credentials)
        ratelimit.consume(request, action=TRIES_FROM_ANYWHERE, key=name)

    def _delete_login_attempts_cached_email(self, request: HttpRequest, **credentials: Any) -> None:
        """Forget the failed tries, once the password was set anew."""
        super()._delete_login_attempts_cached_email(request, **credentials)
        name = self._name_tried(request, **credentials)
        ratelimit.clear(request, action=TRIES_FROM_ANYWHERE, key=name)


class SignInView(LoginView):
    """allauth's page, which says with its status when it is too many tries, as it says in words."""

    def form_invalid(self, form: Form) -> HttpResponse:
        response = super().form_invalid(form)
        if form.has_error(NON_FIELD_ERRORS, "too_many_login_attempts"):
            response.status_code = HTTPStatus.TOO_MANY_REQUESTS
            response["Retry-After"] = str(TOO_MANY_TRIES_S)
        return response


class SocialAccountAdapter(DefaultSocialAccountAdapter):
    """Whom the organisation's own service vouches for gets an account, also where sign-up is closed."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return True

    def populate_user(self, request: HttpRequest, sociallogin: SocialLogin, data: dict[str, Any]) -> Any:
        user = super().populate_user(request, sociallogin, data)
        full = data.get("name") or f"{data.get('first_name') or ''} {data.get('last_name') or ''}".strip()
        user.display_name = str(full or "")[:120]
        return user


class SignInServiceAway(Refusal):
    """An organisation's own sign-in service does not answer, or not as the protocol says."""

    code = "sign_in_service_unreachable"
    status = 502
    title = "Your organisation's sign-in service does not answer"


def refusal_of_sign_on(request: HttpRequest, error: Exception) -> Refusal | None:
    """What to tell when allauth could not speak with a sign-in service; None for any other error."""
    if not request.path.startswith("/accounts/oidc/") or not isinstance(error, RequestException | KeyError):
        return None
    return SignInServiceAway(
        "Nothing is wrong with your account. Try again in a minute, or sign in another way; "
        "if it lasts, tell the platform team.",
        way_out=reverse("account_login"),
    )


def is_by_script(request: HttpRequest) -> bool:
    """Sent by htmx or `fetch`: the page stays, and the answer is for a part of it."""
    return "HX-Request" in request.headers or request.headers.get("X-Requested-With") == "XMLHttpRequest"


def session_over() -> HttpResponse:
    """401 to a script whose person is no longer signed in."""
    response = HttpResponse("Your session has ended. Sign in and try again.", status=401)
    response["Cache-Control"] = "no-store"
    return response


class SignInRequired(LoginRequiredMiddleware):
    """Every page needs a sign-in unless its view says otherwise. A script is told so, never sent to the sign-in page.

    htmx would follow a redirect and put the sign-in page where an answer belongs; with 401 the page opens a dialog,
    keeps what was typed, and goes on (`static/js/session.js`).
    """

    def handle_no_permission(self, request: HttpRequest, view_func: Any) -> HttpResponseBase:  # type: ignore[override]  # 401 too
        if is_by_script(request):
            return session_over()
        return super().handle_no_permission(request, view_func)


@dataclass(frozen=True)
class DemonstrationAccount:
    """A person to try Atrium as: what they may do, in a few words."""

    username: str
    words: str


DEMONSTRATION_ACCOUNTS = (
    DemonstrationAccount("newcomer", "New here, no team yet"),
    DemonstrationAccount("developer", "Builds: playground, requests, keys"),
    DemonstrationAccount("tenant-owner", "Answers for a team"),
    DemonstrationAccount("viewer", "Looks on"),
    DemonstrationAccount("risk-board", "Decides on risk"),
    DemonstrationAccount("security-board", "Decides on security"),
    DemonstrationAccount("legal-board", "Decides on law"),
    DemonstrationAccount("platform-admin", "Runs the platform"),
    DemonstrationAccount("finops", "Explains every cent"),
    DemonstrationAccount("auditor", "Sees, changes nothing"),
)


def offered_accounts() -> list[DemonstrationAccount]:
    """The demonstration accounts that exist, when this is a demonstration."""
    if not settings.DEMONSTRATION:
        return []
    known = set(
        User.objects.filter(
            is_demonstration=True, is_active=True, username__in=[a.username for a in DEMONSTRATION_ACCOUNTS]
        ).values_list("username", flat=True)
    )
    return [account for account in DEMONSTRATION_ACCOUNTS if account.username in known]


@login_not_required
@require_POST
def demonstration(request: HttpRequest) -> HttpResponse:
    """Sign in as a demonstration account with one press. Outside the demonstration there is no such page."""
    if not settings.DEMONSTRATION:
        raise Http404
    user = get_object_or_404(User, username=request.POST.get("account", ""), is_demonstration=True, is_active=True)
    response: HttpResponse = perform_login(request, user, email_verification="none", redirect_url=_next(request))
    return response


def _next(request: HttpRequest) -> str | None:
    target = request.POST.get("next")
    return target if target and get_adapter(request).is_safe_url(target) else None


@require_GET
def session(request: HttpRequest) -> HttpResponse:
    """204 as long as the session lasts; afterwards `SignInRequired` answers 401."""
    return HttpResponse(status=204, headers={"Cache-Control": "no-store"})


@require_GET
def signed_in(request: HttpRequest) -> HttpResponse:
    """Where a second tab lands after signing in again: it tells the first tab and can be closed."""
    return render(request, "account/signed_in.html")
