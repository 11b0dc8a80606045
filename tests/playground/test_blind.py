"""Blind rounds: names and figures are hidden until the vote."""

from __future__ import annotations

from uuid import uuid4

from audit.models import Entry
from playground.models import Answer, Feedback
from tests.cast import Cast
from tests.playground.test_pages import form, page, said, session_of, signed_in

HTMX = {"HX-Request": "true"}


def test_a_blind_session_hides_names_and_figures_everywhere_until_the_vote(cast: Cast) -> None:
    session = session_of(cast, cast.dev, "gpt-secret", "claude-secret", is_blind=True)
    turn = said(session, "Which?", "One", "Two")
    failed = turn.answers.get(column=2)
    Answer.objects.filter(pk=failed.pk).update(
        state="refused", error_message="No access to claude-secret", way_out="/requests/new/access/claude-secret/"
    )
    Answer.objects.filter(turn=turn).update(input_tokens=4711, cost="0.4711", call_id=uuid4())
    client = signed_in(cast.dev)
    base = f"/playground/{session.pk}/"
    paths = [base, f"{base}history/", f"{base}toolbar/", f"{base}vote-bar/", f"/api/playground/sessions/{session.pk}/"]
    paths += [f"/playground/answers/{answer.pk}/" for answer in turn.answers.all()]
    paths += [f"/playground/?from={session.pk}", f"/playground/?from={session.pk}&blind=1"]
    for path in paths:
        text = client.get(path).content.decode()
        for secret in ("gpt-secret", "claude-secret", "4711", "4.7k"):
            assert secret not in text, (path, secret)
    code = client.post("/playground/code/", form("x", session=str(session.pk)), headers=HTMX).content.decode()
    assert "secret" not in code
    assert client.post("/playground/columns/", form("x", session=str(session.pk)), headers=HTMX).status_code == 404

    response = client.post(f"{base}vote/", {"winner": str(failed.pk)}, headers=HTMX)
    assert response["HX-Refresh"] == "true"
    text = client.get(base).content.decode()
    assert "gpt-secret" in text and "No access to claude-secret" in text
    vote = Feedback.objects.get()
    assert (vote.winner, vote.was_blind, vote.tenant) == (failed, True, cast.acme)
    assert Entry.objects.get(verb="feedback.voted").facts["winner"] == "claude-secret"


def test_a_tie_is_a_vote_and_a_second_vote_replaces_the_first(cast: Cast) -> None:
    session = session_of(cast, cast.dev, "a", "b", is_blind=True)
    turn = said(session, "Which?", "One", "Two")
    client = signed_in(cast.dev)
    client.post(f"/playground/{session.pk}/vote/", {"winner": ""}, headers=HTMX)
    assert Feedback.objects.get().winner is None
    first = turn.answers.get(column=1)
    client.post(f"/playground/{session.pk}/vote/", {"winner": str(first.pk)}, headers=HTMX)
    assert Feedback.objects.get().winner == first
    assert (
        'aria-pressed="true" aria-label="Prefer the answer of a"'
        in client.get(f"/playground/{session.pk}/").content.decode()
    )


def test_a_vote_waits_until_the_answers_are_there(cast: Cast) -> None:
    session = session_of(cast, cast.dev, "a", "b", is_blind=True)
    turn = said(session, "Which?", "One", "Two")
    turn.answers.filter(column=1).update(state="running")
    client = signed_in(cast.dev)
    assert client.post(f"/playground/{session.pk}/vote/", {"winner": ""}, headers=HTMX).status_code == 409
    assert client.post(f"/playground/{session.pk}/vote/", {"winner": "nonsense"}, headers=HTMX).status_code == 422
    assert client.post(f"/playground/{session.pk}/vote/", {"winner": str(uuid4())}, headers=HTMX).status_code == 404
    session.refresh_from_db()
    assert session.is_hidden


def test_names_can_be_shown_without_a_vote(cast: Cast) -> None:
    session = session_of(cast, cast.dev, "gpt-secret", "b", is_blind=True)
    said(session, "Which?", "One", "Two")
    signed_in(cast.dev).post(f"/playground/{session.pk}/reveal/", headers=HTMX)
    assert "gpt-secret" in page(cast.dev, f"/playground/{session.pk}/")
    assert not Feedback.objects.exists()
