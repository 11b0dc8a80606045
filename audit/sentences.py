"""What each verb of the audit says in words, to stand between who did it and what it was done to.

Programs, filters and exports use the verb itself. A verb without a line here is shown by its own words.
"""

from __future__ import annotations

SENTENCES = {
    "appointment.ended": "took a platform role from",
    "appointment.made": "gave a platform role to",
    "audit.restore_accepted": "accepted a restored database",
    "audit.verification_cancelled": "cancelled a verification of the audit",
    "audit.verification_started": "asked for a verification of the audit",
    "audit.verified": "verified the audit",
    "board.changed": "changed the board",
    "board.created": "created the board",
    "board.removed": "removed the board",
    "catalog.import_asked": "asked for an import of the catalog",
    "catalog.import_cancelled": "cancelled an import of the catalog",
    "catalog.import_failed": "failed to import the catalog",
    "catalog.imported": "imported the catalog",
    "credentials.rotated": "kept the credentials under a newer key",
    "demonstration.loaded": "loaded the demonstration",
    "demonstration.removed": "removed the demonstration",
    "deployment.published": "published the deployment",
    "email.added": "added an e-mail address",
    "email.changed": "changed the e-mail address",
    "email.confirmed": "confirmed an e-mail address",
    "email.removed": "removed an e-mail address",
    "export.taken": "took an export",
    "feedback.voted": "judged an answer",
    "grant.given": "gave access",
    "grant.revoked": "revoked access",
    "invitation.accepted": "accepted the invitation of",
    "invitation.declined": "declined the invitation of",
    "invitation.resent": "sent again the invitation of",
    "invitation.sent": "invited",
    "invitation.withdrawn": "withdrew the invitation of",
    "invitations.cancelled": "stopped sending invitations of the",
    "invitations.sent": "invited the people of the",
    "join.admitted": "let in, as they had asked:",
    "join.asked": "asked to join a team:",
    "join.declined": "did not let in:",
    "join.withdrawn": "took back the question:",
    "key.issued": "issued the key",
    "key.leaked": "reported as leaked the key",
    "key.narrowed": "changed what is allowed to the key",
    "key.revoked": "revoked the key",
    "key.rotated": "replaced the key",
    "membership.added": "added a member",
    "membership.changed": "changed the role of a member",
    "membership.removed": "removed a member",
    "person.activated": "let in again",
    "person.created": "created the account",
    "person.deactivated": "shut out",
    "person.password_changed": "changed a password",
    "person.sessions_ended": "ended sessions of",
    "person.settings_changed": "changed the settings of",
    "person.signed_in": "signed in",
    "person.signed_out": "signed out",
    "person.signed_up": "signed up",
    "person.turned_away": "was turned away at sign-in",
    "policy.changed": "changed the policy",
    "price.set": "set the price",
    "onboarding.failed": "could not finish setting up",
    "onboarding.ready": "set up",
    "onboarding.retried": "tried again to set up",
    "onboarding.sent": "sent to the board the team",
    "onboarding.taken_back": "took back the setting up of",
    "project.archived": "archived the project",
    "project.created": "created the project",
    "project.restored": "restored the project",
    "provider.connected": "connected the provider",
    "provider.credential_replaced": "replaced the credential of the provider",
    "provider.disconnected": "disconnected the provider",
    "provider.tested": "tested the provider",
    "request.approved": "approved the request",
    "request.commented": "commented on the request",
    "request.expired": "let the request expire",
    "request.refused": "refused the request",
    "request.submitted": "sent the request",
    "request.withdrawn": "withdrew the request",
    "reviews.left_undecidable": "left reviews that cannot be decided",
    "route.disabled": "switched the route off",
    "route.enabled": "switched the route on",
    "route.published": "published the route",
    "seat.left": "took a seat from",
    "seat.taken": "gave a seat on",
    "session.deleted": "deleted the session",
    "session.pinned": "pinned the session",
    "session.renamed": "renamed the session",
    "session.revealed": "revealed the models of the session",
    "session.shared": "shared the session",
    "session.unpinned": "unpinned the session",
    "session.unshared": "stopped sharing the session",
    "tenant.changed": "changed the tenant",
    "tenant.archived": "archived the tenant",
    "tenant.created": "created the tenant",
    "tenant.restored": "restored the tenant",
    "token.issued": "issued the token",
    "token.revoked": "revoked the token",
    "vote.cast": "voted on the request",
}


def sentence(verb: str) -> str:
    """The words of `verb`; of one that has no line, its own: `thing.done` is "thing done"."""
    return SENTENCES.get(verb) or verb.replace(".", " ").replace("_", " ")


# What the name of a kind says less well than people do.
KINDS = {
    "apikey": "key",
    "emailaddress": "address",
    "importrun": "import",
    "modelversion": "model version",
    "personaltoken": "token",
    "user": "person",
}


def kind_in_words(kind: str) -> str:
    """What people call a `subject_kind`."""
    return KINDS.get(kind) or kind.replace("_", " ")
