"""What the database itself refuses of requests and votes, whoever sends the statement: a step that the table does not
have, a request that begins decided, a decision without its quorum, and a vote of who asked.
"""

from __future__ import annotations

import pgtrigger

from approvals.states import START_STATES, TABLE

_LACKS_ITS_QUORUM = """
    SELECT 1 FROM approvals_review r
     WHERE r.request_id = NEW.id AND r.round = NEW.round
       AND (r.outcome <> 'approved'
            OR r.quorum > (SELECT count(*) FROM approvals_vote v WHERE v.review_id = r.id AND v.verdict = 'approve'))
"""
_REVIEWED = "SELECT 1 FROM approvals_review r WHERE r.request_id = NEW.id AND r.round = NEW.round"
_SAID = """
    SELECT 1 FROM approvals_vote v JOIN approvals_review r ON r.id = v.review_id
     WHERE r.request_id = NEW.id AND r.round = NEW.round AND v.verdict =
"""

DECIDED_BY_VOTES = f"""
IF OLD.state = NEW.state OR OLD.state NOT IN ('in_review', 'submitted') THEN
    RETURN NEW;
END IF;
IF NEW.state IN ('approved', 'approved_with_conditions') THEN
    IF EXISTS ({_LACKS_ITS_QUORUM}) OR (OLD.state = 'in_review') <> EXISTS ({_REVIEWED}) THEN
        RAISE EXCEPTION 'Request % is not approved by the quorum of each of its stages', NEW.number;
    END IF;
ELSIF NEW.state = 'refused' AND NOT EXISTS ({_SAID} 'refuse') THEN
    RAISE EXCEPTION 'Nobody refused request %', NEW.number;
ELSIF NEW.state = 'sent_back' AND NOT EXISTS ({_SAID} 'send_back') THEN
    RAISE EXCEPTION 'Nobody sent request % back', NEW.number;
END IF;
RETURN NEW;
"""

NOT_ON_ONES_OWN = """
IF EXISTS (
    SELECT 1 FROM approvals_review r JOIN approvals_request q ON q.id = r.request_id
      LEFT JOIN tenants_serviceaccount s ON s.user_id = q.requester_id
     WHERE r.id = NEW.review_id AND NEW.voter_id IN (q.requester_id, s.created_by_id)
) THEN
    RAISE EXCEPTION 'Nobody votes on what they asked for';
END IF;
RETURN NEW;
"""


def of_requests() -> list[pgtrigger.Trigger]:
    """The triggers of the table of requests."""
    return [
        pgtrigger.FSM(
            name="only_as_the_table_allows",
            field="state",
            transitions=sorted({(state.value, transition.to.value) for (state, _), transition in TABLE.items()}),
        ),
        pgtrigger.Protect(
            name="begins_undecided", operation=pgtrigger.Insert, condition=~pgtrigger.Q(new__state__in=START_STATES)
        ),
        pgtrigger.Trigger(
            name="decided_by_votes", when=pgtrigger.Before, operation=pgtrigger.UpdateOf("state"),
            func=DECIDED_BY_VOTES,
        ),
    ]  # fmt: skip


def of_votes() -> list[pgtrigger.Trigger]:
    """The triggers of the table of votes: they are final, and nobody's on their own request."""
    return [
        pgtrigger.Protect(name="final", operation=pgtrigger.Update),
        pgtrigger.Trigger(
            name="not_on_ones_own", when=pgtrigger.Before, operation=pgtrigger.Insert, func=NOT_ON_ONES_OWN
        ),
    ]
