"""Who decides on what: the policies in force with their versions, and the boards with their seats (platform team)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.forms import Form
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from approvals import policy_conditions
from approvals.boards import change_board, create_board, remove_board, seat, unseat, why_kept
from approvals.forms import BoardForm, BoardWordsForm, PolicyForm, SeatForm
from approvals.models import Board, Policy, Request
from approvals.policies import slug_of
from approvals.policy_changes import put
from approvals.policy_documents import Change, stated
from approvals.rule_lists import Asked, find_boards, find_policies
from approvals.stage_rules import ANYBODY, words
from approvals.subjects import kind_of, kinds
from approvals.viewer import viewer_of
from audit.exporting import exported
from refusals.errors import Forbidden, Invalid, Missing
from tenants.finding import person as find_person
from tenants.models import User
from ui.exporting import csv_response

MANAGE = "approvals.manage_policies"
PAGE_SIZE = 50
BOARDS_A_PAGE = 20
POLICY_HEAD = (
    "what is asked", "environment", "version", "stages", "why", "valid days", "in force since", "superseded at",
)  # fmt: skip
BOARD_HEAD = ("board", "name", "purpose", "member", "member name", "member active", "seated at")


def policies(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """The policies in force or earlier ones; for those who may, a new version."""
    viewer = reader(request)
    shown = (
        Policy.objects.filter(pk=request.GET.get("from", "")).first()
        if request.GET.get("from", "").isdecimal()
        else None
    )
    form = PolicyForm(request.POST or None, initial=_initial(shown) if shown else None)
    if request.method == "POST":
        require_manager(viewer)
        made: list[Request | list[Change]] = []
        if form.is_valid() and _done(form, lambda: made.append(_change(form, viewer))):
            return told(request, made[0])
    asked = Asked.read(request.GET)
    rows, sort = find_policies(asked)
    names = dict(Board.objects.values_list("slug", "name"))
    if request.method == "GET" and request.GET.get("format") == "csv":
        exported(request, "policies")
        return csv_response("policies.csv", POLICY_HEAD, (_policy_line(row, names) for row in rows))
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "asked": asked,
        "sort": sort,
        "page": page,
        "rows": [(policy, _kind_name(policy), words(policy.stages, names)) for policy in page],
        "kinds": kinds(),
        "boards": names.items(),
        "board_name": names.get(asked.board, asked.board),
        "any": page.paginator.count or Policy.objects.exists(),
        "form": form,
        "may_change": viewer.has_perm(MANAGE),
    }
    return render(request, "approvals/policies.html", context, status=422 if form.errors else 200)


def boards(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """Every board with its seats; for those who may, a new board."""
    viewer = reader(request)
    form = BoardForm(request.POST or None)
    if request.method == "POST":
        require_manager(viewer)
        if form.is_valid() and _done(form, lambda: create_board(**form.cleaned_data, by=viewer)):
            messages.success(request, f"{form.cleaned_data['name']} exists now. Seat its members.")
            return redirect("approvals:boards")
    asked = Asked.read(request.GET)
    rows, sort = find_boards(asked)
    if request.method == "GET" and request.GET.get("format") == "csv":
        exported(request, "boards")
        return csv_response("boards.csv", BOARD_HEAD, _board_lines(rows))
    context = {
        "asked": asked,
        "sort": sort,
        "page": Paginator(rows, BOARDS_A_PAGE).get_page(request.GET.get("page")),
        "form": form,
        "seat_form": SeatForm(),
        "may_change": viewer.has_perm(MANAGE),
    }
    return render(request, "approvals/boards.html", context, status=422 if form.errors else 200)


def board(request: HttpRequest, slug: str) -> HttpResponse:
    """A board's name and purpose, for those who may change them; and whether it can be removed."""
    viewer = reader(request)
    require_manager(viewer)
    shown = _board(slug)
    sent = request.POST if request.method == "POST" else None
    form = BoardWordsForm(sent, initial={"name": shown.name, "purpose": shown.purpose})
    if form.is_valid() and _done(form, lambda: change_board(board=shown, **form.cleaned_data, by=viewer)):
        messages.success(request, f"{form.cleaned_data['name']} is saved.")
        return redirect("approvals:boards")
    context = {"board": shown, "form": form, "kept": why_kept(shown), "seats": shown.seats.count()}
    return render(request, "approvals/board_settings.html", context, status=422 if form.errors else 200)


@require_POST
def remove(request: HttpRequest, slug: str) -> HttpResponse:
    """Remove a board that nothing needs."""
    viewer = reader(request)
    require_manager(viewer)
    gone = _board(slug)
    remove_board(board=gone, by=viewer)
    messages.success(request, f"{gone} is removed.")
    return redirect("approvals:boards")


@require_POST
def take_seat(request: HttpRequest, slug: str) -> HttpResponse:
    """Seat a person."""
    viewer = reader(request)
    require_manager(viewer)
    board, form = _board(slug), SeatForm(request.POST)
    named = form.data.get("user", "").replace("\x00", "").strip()
    person = find_person(named)
    if person is None:
        messages.error(request, f"There is no active person called “{named}”. Give their username or e-mail address.")
    else:
        seat(board=board, user=person, by=viewer)
        messages.success(request, f"{person} sits on {board}.")
    return redirect("approvals:boards")


@require_POST
def leave_seat(request: HttpRequest, slug: str) -> HttpResponse:
    """Take a seat away."""
    viewer = reader(request)
    require_manager(viewer)
    board = _board(slug)
    person = User.objects.filter(username=request.POST.get("user", "").replace("\x00", "")).first()
    if person is None:
        raise Missing("There is no such person.")
    unseat(board=board, user=person, by=viewer)
    messages.success(request, f"{person} no longer sits on {board}.")
    return redirect("approvals:boards")


def reader(request: HttpRequest) -> User:
    """Who looks, if they may read the rules of governance. Raises `Forbidden`."""
    viewer = viewer_of(request)
    if not (viewer.has_perm(MANAGE) or viewer.has_perm("approvals.view_request")):
        raise Forbidden(
            "This needs the permission “Change the policies of governance”. The platform team holds it.",
            permission=MANAGE,
        )
    return viewer


def require_manager(viewer: User) -> None:
    """Raise `Forbidden` unless `viewer` may change them."""
    if not viewer.has_perm(MANAGE):
        raise Forbidden("Only the platform team changes who decides. You may read it.", permission=MANAGE)


def _done(form: Form, verb: Callable[[], Any]) -> bool:
    """Whether `verb` succeeded; a value it does not accept is told at its field."""
    try:
        verb()
    except Invalid as wrong:
        form.add_error(wrong.field if wrong.field in form.fields else None, wrong.sentence)
        return False
    return True


def _change(form: PolicyForm, viewer: User) -> Request | list[Change]:
    given = form.cleaned_data
    text = stated(
        slug=given["slug"].strip() or slug_of(given["subject_kind"], given["environment_kind"]),
        subject_kind=given["subject_kind"],
        environment_kind=given["environment_kind"],
        when={name: str(value) if name == policy_conditions.COST else value for name, value in form.when().items()},
        priority=given["priority"] or 0,
        effective_from=given["effective_from"],
        sentence=given["sentence"],
        stages=form.stages(),
        validity_days=given["validity_days"],
    )
    return put(text, reason=given["sentence"], by=viewer)


def told(request: HttpRequest, done: Request | list[Change]) -> HttpResponse:
    """On to the request that a change of policies became, or to the policies that it changed."""
    if isinstance(done, Request):
        messages.success(request, f"Somebody else has to approve this: it is asked for as R-{done.number}.")
        return redirect(done)
    changed = [change.slug for change in done if change.changes]
    messages.success(
        request, f"Changed: {', '.join(changed)}." if changed else "Nothing was changed: it is so already."
    )
    return redirect("approvals:policy", changed[0]) if len(changed) == 1 else redirect("approvals:policies")


def _initial(policy: Policy) -> dict[str, Any]:
    initial: dict[str, Any] = {
        name: getattr(policy, name)
        for name in ("subject_kind", "environment_kind", "slug", "priority", "sentence", "validity_days")
    }
    initial |= {name: ", ".join(policy.when.get(name, ())) for name in policy_conditions.LISTS}
    initial[policy_conditions.COST] = policy.when.get(policy_conditions.COST)
    for number, stage in enumerate(policy.stages, start=1):
        initial |= {
            f"board_{number}": stage["board"],
            f"quorum_{number}": stage["quorum"],
            f"veto_{number}": _veto(stage.get("veto", ANYBODY)),
            f"beside_{number}": stage.get("beside", False),
            f"checklist_{number}": "\n".join(stage.get("checklist", ())),
        }
    return initial


def _veto(kept: str | list[str]) -> str:
    return kept if isinstance(kept, str) else ", ".join(kept)


def _policy_line(policy: Policy, names: dict[str, str]) -> tuple[object, ...]:
    stages = words(policy.stages, names)
    return (
        _kind_name(policy), policy.environment_kind, policy.version, stages, policy.sentence, policy.validity_days,
        policy.effective_from, policy.superseded_at,
    )  # fmt: skip


def _board_lines(rows: QuerySet[Board]) -> Iterator[tuple[object, ...]]:
    """A line a seat; a board without any has one line."""
    for board in rows:
        head = (board.slug, board.name, board.purpose)
        for each in board.seats.all():
            yield (*head, each.user.username, str(each.user), each.user.is_active, each.created_at)
        if not board.seats.all():
            yield (*head, "", "", "", "")


def _kind_name(policy: Policy) -> str:
    return kind_of(policy.subject_kind).name


def _board(slug: str) -> Board:
    board = Board.objects.filter(slug=slug).first()
    if board is None:
        raise Missing(f"There is no board “{slug}”.")
    return board
