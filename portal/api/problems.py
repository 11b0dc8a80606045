"""The edge of the API: every error is a problem document (RFC 9457)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler
from structlog.contextvars import get_contextvars

from portal.closed_doors import instead_of_missing
from portal.database.trouble import DatabaseAway, is_outage, refused_by_database
from refusals import Refusal
from refusals.errors import Missing


def problem_response(error: Exception, context: dict[str, Any]) -> Response | None:
    """The problem document for `error`, or None when it is a defect of ours (then 500)."""
    if is_outage(error):
        error = DatabaseAway()
    error = refused_by_database(error) or error
    if isinstance(error, Missing | Http404):
        error = instead_of_missing(context["view"].kwargs) or error
    if isinstance(error, Refusal):
        return _problem(
            error.status, error.title, error.sentence, error.code, error.retry_after_s, way_out=error.way_out,
            field=error.field, **error.facts,
        )  # fmt: skip
    response = exception_handler(error, context)
    if response is None:
        return None
    if isinstance(error, exceptions.ValidationError):
        return _problem(
            422,
            "Please check what you sent",
            "Some values are not acceptable.",
            "invalid",
            errors=response.data,
        )
    if isinstance(error, Http404):  # whatever it says is the framework's, and names our classes
        return _problem(404, Missing.title, "There is nothing here, or it is not yours to see.", Missing.code)
    code = getattr(error, "default_code", "refused")
    if isinstance(error, PermissionDenied):
        code = "permission_required"
    title = HTTPStatus(response.status_code).phrase
    detail = str(response.data.get("detail", title)) if isinstance(response.data, dict) else title
    problem = _problem(response.status_code, title, detail, str(code), getattr(error, "wait", None))
    for name in ("WWW-Authenticate", "Allow"):
        if name in response.headers:
            problem[name] = response[name]
    return problem


def _problem(
    status: int,
    title: str,
    detail: str,
    code: str,
    retry_after_s: float | None = None,
    **more: Any,
) -> Response:
    document = _document(status, title, detail, code) | {
        name: value for name, value in more.items() if value not in ("", None)
    }
    response = Response(document, status=status, content_type="application/problem+json")
    if retry_after_s is not None:
        response["Retry-After"] = str(max(1, round(retry_after_s)))
    return response


def _document(status: int, title: str, detail: str, code: str) -> dict[str, Any]:
    return {
        "type": f"urn:atrium:problem:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": get_contextvars().get("request_id", ""),
    }


@csrf_exempt  # nothing is done here, and a program is not to be told of cookies
@login_not_required
def not_found(request: Any, exception: Exception | None = None) -> JsonResponse:
    """The problem document for an address under `/api/` that does not exist."""
    return _plain(404, "Not Found", "There is no such address in the API. See /api/docs/.", "not_found")


def away() -> JsonResponse:
    """The problem document for a database that went away before the API's own edge was reached."""
    told = DatabaseAway()
    response = refused(told)
    response["Retry-After"] = str(round(told.retry_after_s or 0))
    return response


def refused(told: Refusal) -> JsonResponse:
    """The problem document for a refusal before the API's own edge was reached."""
    return _plain(told.status, told.title, told.sentence, told.code)


def broken() -> JsonResponse:
    """The problem document for a defect of ours."""
    detail = "The fault was recorded. If you ask for help, quote the request_id."
    return _plain(500, "Something went wrong on our side", detail, "internal_error")


def _plain(status: int, title: str, detail: str, code: str) -> JsonResponse:
    """A problem document outside of the API's views."""
    document = _document(status, title, detail, code)
    return JsonResponse(document, status=status, content_type="application/problem+json")
