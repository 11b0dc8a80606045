"""Addresses of governance."""

from django.urls import path

from approvals.views import (
    board,
    changing,
    decision,
    decisions,
    delegation,
    documents,
    evidence,
    listing,
    page,
    policies,
    rules,
)

app_name = "approvals"
urlpatterns = [
    path("requests/", listing.mine, name="mine"),
    path("requests/export.csv", listing.export, name="export"),
    path("requests/<int:number>/", page.page, name="request"),
    path("requests/<int:number>/vote/", page.cast_vote, name="vote"),
    path("requests/<int:number>/comment/", page.say, name="comment"),
    path("requests/<int:number>/withdraw/", page.take_back, name="withdraw"),
    path("requests/<int:number>/change/", changing.change_request, name="change"),
    path("requests/<int:number>/suspend/", changing.suspend_approval, name="suspend"),
    path("requests/<int:number>/resume/", changing.resume_approval, name="resume"),
    path("requests/<int:number>/evidence/", evidence.give_one, name="give-evidence"),
    path("requests/<int:number>/evidence/collect/", evidence.collect_again, name="collect-evidence"),
    path("requests/<int:number>/evidence.csv", evidence.export, name="evidence-export"),
    path("requests/<int:number>/documents/", documents.add, name="attach"),
    path("requests/<int:number>/documents/<uuid:document_id>/", documents.download, name="document"),
    path("requests/<int:number>/documents/<uuid:document_id>/remove/", documents.remove, name="document-removal"),
    path("board/", board.board, name="board"),
    path("decisions/", decisions.listed, name="decisions"),
    path("decisions/export.csv", decisions.export, name="decisions-export"),
    path("decisions/verification/", decisions.verification, name="decision-verification"),
    path("decisions/<uuid:decision_id>/", decision.decision, name="decision"),
    path("decisions/<uuid:decision_id>/record.json", decision.record, name="decision-record"),
    path("decisions/<uuid:decision_id>/archive/", decision.archive, name="decision-archive"),
    path(".well-known/atrium-decisions.json", decision.keys, name="decision-keys"),
    path("platform/policies/", rules.policies, name="policies"),
    path("platform/policies/yaml/", policies.document, name="policy-document"),
    path("platform/policies/<slug:slug>/", policies.policy, name="policy"),
    path("platform/delegation/", delegation.delegation, name="delegation"),
    path("platform/delegation/<slug:capability>/", delegation.change, name="change-delegation"),
    path("platform/boards/", rules.boards, name="boards"),
    path("platform/boards/<slug:slug>/", rules.board, name="board-settings"),
    path("platform/boards/<slug:slug>/remove/", rules.remove, name="board-removal"),
    path("platform/boards/<slug:slug>/seat/", rules.take_seat, name="seat"),
    path("platform/boards/<slug:slug>/unseat/", rules.leave_seat, name="unseat"),
]
