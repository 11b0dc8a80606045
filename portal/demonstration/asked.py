"""What the teams of the demonstration asked for, and what was said to it: data, in no order."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Said:
    """A vote: who, what, why, and how many hours after the request."""

    voter: str
    verdict: str
    why: str
    after_hours: float


@dataclass(frozen=True)
class Asked:
    """A request for access: who asked, for which environment and route, how many days ago, and what was said."""

    by: str
    environment: str
    route: str
    purpose: str
    days_ago: float
    calls_a_day: int
    votes: tuple[Said, ...] = ()
    remarks: tuple[tuple[str, str], ...] = ()


ASKED = (
    Asked(
        "developer",
        "retail-banking/card-support/development",
        "smollm2",
        "Draft answers to questions about lost and blocked cards. Invented questions only, no customer data.",
        171,
        200,
        (Said("risk-board", "approve", "Development, no customer data, runs inside the house. Fine.", 5),),
    ),
    Asked(
        "developer",
        "retail-banking/card-support/development",
        "smollm2-batch",
        "Run the same questions over night in bulk to compare prompts, without getting in the way of people.",
        140,
        2000,
        (Said("leila.rahimi", "approve", "Same model, same data, billed apart. Fine.", 21),),
    ),
    Asked(
        "tenant-owner",
        "retail-banking/card-support/production",
        "smollm2-customer",
        "Send drafts to agents, who check every one before it reaches a card holder.",
        118,
        1500,
        (
            Said("security-board", "approve", "No data leaves the house; logs hold no card numbers (checked).", 26),
            Said("risk-board", "approve", "An agent checks each answer. Please report complaints monthly.", 49),
        ),
        (("ines.duarte", "The evaluation of 400 answers is in the project's folder; 3 % needed a rewrite."),),
    ),
    Asked(
        "amir.haddad",
        "claims/document-triage/development",
        "smollm2",
        "Sort scanned letters into eleven kinds. Made-up letters only.",
        150,
        300,
        (Said("leila.rahimi", "approve", "Made-up letters, development. Fine.", 8),),
    ),
    Asked(
        "claire.fontaine",
        "claims/document-triage/production",
        "smollm2-customer",
        "Sort all incoming letters without a person looking at them.",
        64,
        4000,
        (
            Said("jonas.lindqvist", "approve", "Stays inside the house.", 30),
            Said(
                "risk-board",
                "refuse",
                "A wrong kind delays a claim by weeks and nobody would notice. Ask again with a person checking"
                " doubtful letters, and with the share of wrong ones.",
                77,
            ),
        ),
    ),
    Asked(
        "mei.chen",
        "research/literature-review/development",
        "smollm2",
        "Draft summaries of published papers.",
        132,
        100,
        (Said("risk-board", "approve", "Public texts. Fine.", 3),),
    ),
    Asked(
        "samuel.ortiz",
        "research/code-helper/development",
        "smollm2-batch",
        "Explain analysis scripts in bulk for new colleagues.",
        45,
        500,
        (Said("leila.rahimi", "approve", "Scripts hold no personal data (spot-checked ten).", 19),),
    ),
    Asked(
        "claire.fontaine",
        "claims/document-triage/production",
        "smollm2",
        "Second try: sort letters, with a person checking every doubtful one. Wrong kinds in the test: 1.8 % of 2,000.",
        3,
        4000,
        (Said("security-board", "approve", "As before: stays inside the house.", 20),),
        (("risk-board", "How do you decide that a letter is doubtful?"), ("claire.fontaine", "Below 0.8 confidence.")),
    ),
    Asked(
        "amir.haddad",
        "claims/loss-summaries/test",
        "smollm2",
        "Summaries of loss reports for the evaluation set; names are replaced before sending.",
        1.2,
        150,
    ),
    Asked(
        "mei.chen",
        "research/literature-review/development",
        "gpt-5",
        "Compare its summaries of long papers with ours; published texts only.",
        186,
        60,
        (Said("leila.rahimi", "approve", "Public texts, and the provider may not train on them. Fine.", 6),),
    ),
    Asked(
        "claire.fontaine",
        "claims/document-triage/production",
        "gemini-2.5-flash",
        "Read dates and amounts from incoming letters; a clerk confirms each before it is booked.",
        186,
        400,
        (
            Said("jonas.lindqvist", "approve", "The contract keeps the letters in Europe; none is stored.", 20),
            Said("risk-board", "approve", "A clerk confirms every figure. Come back in half a year.", 43),
        ),
    ),
    Asked(
        "developer",
        "retail-banking/card-support/development",
        "claude-sonnet-4.5",
        "See whether a large model drafts better answers than the small one inside the house. Invented questions only.",
        152,
        80,
        (Said("risk-board", "approve", "Invented questions. Tell us what you find.", 9),),
    ),
    Asked(
        "amir.haddad",
        "claims/loss-summaries/test",
        "claude-haiku-4.5",
        "Summaries of loss reports of closed claims, names replaced before sending.",
        122,
        100,
        (Said("leila.rahimi", "approve", "Closed claims without names. Fine for test.", 26),),
    ),
    Asked(
        "tenant-owner",
        "retail-banking/branch-assistant/development",
        "gpt-5-mini",
        "Find the right form for a question at the counter; forms are public.",
        92,
        150,
        (Said("risk-board", "approve", "Public forms, development. Fine.", 12),),
    ),
)
