"""What supervisors and the law ask to be known of models, and which column of the register says it.

Facts with their section or article, in our words. What the register does not say stands here too.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Duty:
    """Something asked for, where, and what answers it here; empty where nothing does."""

    asked: str
    source: str
    answered_by: str


DUTIES: tuple[Duty, ...] = (
    Duty("Every model in use is listed", "SR 11-7, Section VI; NIST AI RMF, GOVERN 1.6", "One row a version in use"),
    Duty("Its purpose and intended use, and what it must not be used for", "SR 11-7, Section VI; AI Act, Annex XII(1)",
         "Card: intended and out-of-scope use"),
    Duty("Where it is used", "SR 11-7, Section VI", "Held by"),
    Duty("Who is responsible", "SR 11-7, Section VI; ISO/IEC 42001, Annex A.3", "Owner"),
    Duty("When it was validated, and when it will be again", "SR 11-7, Sections V and VI",
         "Last decision, next review"),
    Duty("Limits and known weaknesses", "SR 11-7, Section V; AI Act, Article 13(3)(b)", "Card: limits, risks"),
    Duty("How it was evaluated, with which results",
         "AI Act, Annex XI Section 1(2) and Annex XII; NIST AI RMF, MEASURE 2.5",
         "Card: evaluation data and results"),
    Duty("Which data it was trained on", "AI Act, Article 53(1)(d)", "Card: training data"),
    Duty("Licence and terms of a model of others", "AI Act, Article 53(1)(b); ISO/IEC 42001, Annex A.10",
         "Licence and terms, kept with their hash"),
    Duty("Whether it is still to be used", "SR 11-7, Section VI; ISO/IEC 42001, Annex A.6", "Lifecycle"),
    Duty("Its level of risk", "AI Act, Article 6; ISO/IEC 42001, Clause 6.1.2", "Risk tier, with its rules"),
    Duty("Technical documentation of a high-risk system", "AI Act, Article 11 and Annex IV", ""),
    Duty("Registration of a high-risk system in the EU database", "AI Act, Article 49 and Annex VIII", ""),
    Duty("Outcomes compared with what was expected", "SR 11-7, Section V", ""),
)  # fmt: skip
