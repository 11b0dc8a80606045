"""The edge of pages: a refusal raised anywhere below becomes an answer that says what happened and what to do."""

from __future__ import annotations

import sys
from collections.abc import Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.core.exceptions import DisallowedHost, RequestDataTooBig
from django.db import close_old_connections
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest, JsonResponse
from django.middleware.csrf import REASON_NO_CSRF_COOKIE, get_token
from django.shortcuts import render
from structlog.contextvars import get_contextvars

from portal.accounts import SignInServiceAway, is_by_script, refusal_of_sign_on, session_over
from portal.api import problems
from portal.closed_doors import instead_of_missing
from portal.database.patience import at_most
from portal.database.trouble import DatabaseAway, DatabaseTooSlow, is_outage, refused_by_database
from refusals import Refusal
from refusals.errors import Missing
from tenants.scim.refused import SCIM_MEDIA_TYPE, error_of
from tenants.security.closing import ClosedToYou
from tenants.uploads import UploadTooLarge

# Refusals with a page of their own, without the shell, which needs a person who is signed in and a database.
PAGES: dict[type[Refusal], str] = {
    DatabaseAway: "503.html",
    SignInServiceAway: "socialaccount/authentication_error.html",
}


SCIM = "/scim/"


class PatienceMiddleware:
    """A page's statements may take `DATABASE_STATEMENT_S` each; what it streams afterwards has no limit."""

    sync_capable, async_capable = True, False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with at_most(settings.DATABASE_STATEMENT_S):
            return self.get_response(request)


class RefusalMiddleware:
    """Turn `Refusal` into a page, a toast (htmx), or leave it to the API's own edge."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[..., HttpResponse]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        refusal = exception if isinstance(exception, Refusal) else None
        if refusal is None:
            refusal = refusal_of_sign_on(request, exception) or refused_by_database(exception)
        if isinstance(exception, Missing | Http404) and request.resolver_match is not None:
            refusal = instead_of_missing(request.resolver_match.kwargs) or refusal
        if isinstance(refusal, DatabaseTooSlow):
            close_old_connections()  # its connection was closed under it, and the page that tells about it needs one
        return refusal_response(request, refusal) if refusal is not None else None


def refusal_response(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    """The page (or, for htmx, the toast) that tells about `refusal`, with its status; to SCIM its own error."""
    if request.path.startswith(SCIM):
        response: HttpResponse = JsonResponse(
            error_of(refusal).model_dump(), status=refusal.status, content_type=SCIM_MEDIA_TYPE
        )
    elif is_by_script(request):
        toast = {"level": "danger", "title": refusal.title, "text": refusal.sentence, "path": refusal.way_out}
        response = JsonResponse(toast, status=refusal.status)
        response["HX-Reswap"] = "none"
    else:
        by_status = {403: "403.html", 404: "404.html"}.get(refusal.status, "portal/refusal.html")
        template = PAGES.get(type(refusal), by_status)
        if isinstance(refusal, ClosedToYou):
            template = "portal/closed.html"
        response = render(request, template, {"refusal": refusal, **trace()}, status=refusal.status)
    if refusal.retry_after_s is not None:
        response["Retry-After"] = str(max(1, round(refusal.retry_after_s)))
    return response


class TooMuchSent(Refusal):
    """More than any form takes."""

    code = "request_too_large"
    status = 413
    title = "That is too much at once"

    def __init__(self, sentence: str = "") -> None:
        most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE // 2**20
        of_a_form = f"A form takes {most} MB at most. Nothing was changed; go back, shorten it and send it again."
        super().__init__(sentence or of_a_form)


class NotUnderstood(Refusal):
    """A request that no browser sends by itself."""

    code = "bad_request"
    status = 400
    title = "This request cannot be understood"

    def __init__(self) -> None:
        super().__init__("Nothing was changed. Go back, reload the page and try again.")


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """What Django itself takes for no honest request: too large, a foreign host, a broken form."""
    told: Refusal = NotUnderstood()
    if isinstance(exception, RequestDataTooBig):
        told = TooMuchSent(exception.sentence if isinstance(exception, UploadTooLarge) else "")
    if request.path.startswith("/api/"):
        return problems.refused(told)
    if isinstance(exception, DisallowedHost):  # nothing that builds an address may be asked
        return HttpResponseBadRequest("This is not a name under which Atrium can be reached.", "text/plain")
    return refusal_response(request, told)


class OurFault(Refusal):
    """A defect, told to a program."""

    code = "internal_error"
    status = 500
    title = "Something went wrong on our side"

    def __init__(self) -> None:
        super().__init__("The fault was recorded. Nothing was changed.")


class FormTooOld(Refusal):
    """A form whose token is no longer valid, sent by a page that stays where it is."""

    code = "form_too_old"
    status = 403
    title = "Please send that again"

    def __init__(self) -> None:
        super().__init__(
            "The page was open for too long, or your browser lost its cookies, so this was not taken. Nothing was "
            "changed, and what you typed is still here: press the button once more."
        )


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form whose token is no longer valid: nothing was changed, and how to send it again.

    A page that sends by itself (htmx, `fetch`) is told in place; the answer carries a new token, so that the next press
    works.
    """
    get_token(request)  # sets the cookie with this answer, should the browser have lost it
    if is_by_script(request):
        return refusal_response(request, FormTooOld()) if request.user.is_authenticated else session_over()
    context = {"back": request.path if request.method == "POST" else "/", "no_cookie": reason == REASON_NO_CSRF_COOKIE}
    return render(request, "portal/csrf.html", context, status=403)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return render(request, "403.html", trace(), status=403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return render(request, "404.html", trace(), status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Whatever broke, wherever: a database that is away is told as such, and the API is told in its own form."""
    is_away = is_outage(sys.exc_info()[1])
    if request.path.startswith("/api/"):
        return problems.away() if is_away else problems.broken()
    if is_away:
        return refusal_response(request, DatabaseAway())
    if request.path.startswith(SCIM):
        return refusal_response(request, OurFault())
    return render(request, "500.html", trace(), status=500)


def trace() -> dict[str, str]:
    """What a reader may quote to the platform team."""
    return {"trace_id": str(get_contextvars().get("request_id", ""))}
