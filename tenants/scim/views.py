"""`/scim/v2/…`: who comes with a directory's token is let in, and everything is answered as RFC 7644 says."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import RequestDataTooBig
from django.db import DataError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from scim2_models import (
    PayloadTooLargeException,
    SCIMException,
    UnauthorizedException,
)
from scim2_server.requests import ScimRequest
from scim2_server.responses import SCIM_MEDIA_TYPE, ScimResponse

from refusals import Refusal
from tenants.directory.tokens import actor_of, recognise
from tenants.models import DirectoryToken
from tenants.scim.handling import Handler, Service
from tenants.scim.schema import provider
from tenants.scim.storage import DirectoryStorage
from tenants.scope import Scope, within

READS = {"GET", "HEAD"}


@login_not_required
@csrf_exempt
@never_cache
def scim(request: HttpRequest, path: str = "") -> HttpResponse:
    """Every address of the protocol."""
    service = _service()
    try:
        token = _token(request)
        with within(_scope(token)):
            asked = _asked(request, path)
            storage = DirectoryStorage(
                token.directory, by=actor_of(token), changes=request.method not in READS and ".search" not in path
            )
            answer = Handler(service, storage).handle(asked)
    except (SCIMException, Refusal, DataError) as error:
        answer = service.error_response(error)
    return _sent(answer, request)


def _service() -> Service:
    return Service(provider())


def _token(request: HttpRequest) -> DirectoryToken:
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    token = recognise(value.strip()) if scheme.lower() == "bearer" else None
    if token is None:
        raise UnauthorizedException(
            detail="Send a directory's token in “Authorization: Bearer”. It may have expired or been revoked; "
            "one is issued on the page of the directory."
        )
    return token


def _scope(token: DirectoryToken) -> Scope:
    tenant = token.directory.tenant_id
    if tenant is None:
        return Scope(None, "the platform's directory speaks of everybody")
    return Scope(frozenset([tenant]), "a tenant's directory speaks of its people")


def _asked(request: HttpRequest, path: str) -> ScimRequest:
    try:
        body = request.body
    except RequestDataTooBig as error:
        most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE // 2**20
        raise PayloadTooLargeException(detail=f"A request has {most} MB at most.") from error
    return ScimRequest(
        method="GET" if request.method == "HEAD" else str(request.method),
        base_url=f"{settings.PUBLIC_URL}/scim/v2",
        path=f"/{path}",
        query=request.GET.dict(),
        headers=dict(request.headers),
        body=body,
    )


def _sent(answer: ScimResponse, request: HttpRequest) -> HttpResponse:
    content = b"" if answer.body is None else json.dumps(answer.body).encode()
    headers: dict[str, Any] = {**answer.headers}
    if answer.status in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED):
        headers.pop("Content-Type", None)
        return HttpResponse(status=answer.status, headers=headers)
    headers.setdefault("Content-Type", SCIM_MEDIA_TYPE)
    return HttpResponse(content, status=answer.status, headers=headers)
