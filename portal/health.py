"""Liveness and readiness for load balancers: is this process up, can it reach its database, how its gateway stands."""

from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse

from gateway.runtime import facts


@login_not_required
def alive(request: HttpRequest) -> JsonResponse:
    """200 as long as the process answers."""
    return JsonResponse({"status": "ok"})


@login_not_required
def ready(request: HttpRequest) -> JsonResponse:
    """200 when the database answers, else 503. `gateway` says whether it serves from its last snapshot."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return JsonResponse({"status": "unready", "database": "unreachable", "gateway": facts()}, status=503)
    return JsonResponse({"status": "ok", "database": "ok", "gateway": facts()})
