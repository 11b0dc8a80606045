"""A form by which something is asked of governance: sent once it is valid, and where the person goes then."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from approvals.models import Request
from approvals.submit import OpenRequestExists
from refusals import Refusal
from tenants.forms import VerbForm


def sent(request: HttpRequest, form: VerbForm, send: Callable[[], Request]) -> HttpResponse | None:
    """What answers a valid `form` that `send` makes a request of: on to it, or to the one that was asked already.
    None where `send` refused, which `form` tells then."""
    try:
        made = send()
    except OpenRequestExists as earlier:
        messages.info(request, earlier.sentence)
        return redirect(earlier.way_out)
    except Refusal as refusal:
        form.refused(refusal)
        return None
    messages.success(request, f"Your request is sent as R-{made.number}.")
    return redirect(made)
