"""The people of the demonstration: the accounts offered at sign-in, and colleagues so that every role is filled."""

from __future__ import annotations

import datetime as dt

from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password
from django.utils import timezone

from approvals.boards import seat
from approvals.models import Board
from audit.record import Actor, record
from tenants.memberships import appoint
from tenants.models import User

SINCE_DAYS = 200
PASSWORD = "atrium-demo"  # noqa: S105  (printed at start; production refuses to run with these accounts)

# username, name; those offered at sign-in first
PEOPLE: tuple[tuple[str, str], ...] = (
    ("platform-admin", "Pat Reyes"),
    ("security-board", "Sana Qureshi"),
    ("legal-board", "Lena Hofer"),
    ("risk-board", "Ravi Menon"),
    ("tenant-owner", "Olivia Berg"),
    ("developer", "Daria Novak"),
    ("viewer", "Vera Lind"),
    ("finops", "Finn Okafor"),
    ("auditor", "Ada Moreau"),
    ("newcomer", "Noah Kim"),
    ("marcus.weber", "Marcus Weber"),
    ("ines.duarte", "Ines Duarte"),
    ("tom.haugen", "Tom Haugen"),
    ("yuki.sato", "Yuki Sato"),
    ("claire.fontaine", "Claire Fontaine"),
    ("amir.haddad", "Amir Haddad"),
    ("elena.popova", "Elena Popova"),
    ("george.mensah", "George Mensah"),
    ("hannah.vogel", "Hannah Vogel"),
    ("samuel.ortiz", "Samuel Ortiz"),
    ("mei.chen", "Mei Chen"),
    ("jonas.lindqvist", "Jonas Lindqvist"),
    ("leila.rahimi", "Leila Rahimi"),
    ("victor.almeida", "Victor Almeida"),
    ("nora.byrne", "Nora Byrne"),
    ("theo.marchand", "Theo Marchand"),
)

APPOINTMENTS = {"platform-admin": "platform", "finops": "finops", "auditor": "auditor"}

SEATS = {
    "security": ("security-board", "jonas.lindqvist"),
    "legal": ("legal-board", "nora.byrne"),
    "risk": ("risk-board", "leila.rahimi"),
}


def create(*, by: Actor) -> dict[str, User]:
    """Create everybody, appoint and seat them; the people by username."""
    password = make_password(PASSWORD)  # once: hashing is meant to be slow
    people = {}
    at = timezone.now() - dt.timedelta(days=SINCE_DAYS)
    for username, name in PEOPLE:
        user = User.objects.create(
            username=username,
            email=f"{username}@atrium.example",
            display_name=name,
            password=password,
            is_demonstration=True,
            date_joined=at,
        )
        EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
        record("person.created", by=by, subject=user, username=username)
        people[username] = user
    for username, role in APPOINTMENTS.items():
        appoint(user=people[username], role=role, by=by)
    for slug, usernames in SEATS.items():
        board = Board.objects.get(slug=slug)
        for username in usernames:
            seat(board=board, user=people[username], by=by, at=at)
    return people
