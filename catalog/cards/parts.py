"""The parts that a model card should have, and by which headings each is known in cards as people write them.

The headings are those of the common template (huggingface_hub, `modelcard_template.md`), of Mitchell et al. 2019
(“Model Cards for Model Reporting”, section 4) and what else is often found.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_sign = re.compile(r"[\W_]+")
_aside = re.compile(r"\[optional\]|\(optional\)", re.IGNORECASE)


@dataclass(frozen=True)
class Part:
    """`headings`: by which it is known; the first is the one that is written. `question` is what it should answer,
    `gap` what is said where it does not."""

    key: str
    label: str
    question: str
    headings: tuple[str, ...]
    gap: str


PARTS: tuple[Part, ...] = (
    Part(
        "intended_use", "Intended use", "What is it for, and who uses it?",
        ("Intended Use", "Intended Uses", "Primary Intended Uses", "Direct Use", "Uses", "How to Use", "Use Cases"),
        "no intended use",
    ),
    Part(
        "out_of_scope", "Out-of-scope use", "What must it not be used for, or does it do badly?",
        ("Out-of-Scope Use", "Out-of-Scope Uses", "Out of Scope", "Misuse", "Prohibited Uses", "Unintended Uses"),
        "no out-of-scope use",
    ),
    Part(
        "limits", "Limits", "Where does it fail, and for whom?",
        (
            "Limitations", "Limits", "Known Limitations", "Bias, Risks, and Limitations", "Limitations and Bias",
            "Bias and Limitations", "Limitations and Biases", "Caveats and Recommendations",
        ),
        "no limits",
    ),
    Part(
        "training_data", "Training data", "What was it trained on, until when, and by which right?",
        ("Training Data", "Training Dataset", "Training Datasets", "Pretraining Data", "Data", "Training"),
        "no training data",
    ),
    Part(
        "evaluation_data", "Evaluation data", "On what was it evaluated?",
        (
            "Evaluation Data", "Testing Data", "Testing Data, Factors & Metrics", "Evaluation Datasets",
            "Evaluation Dataset",
        ),
        "no evaluation data",
    ),
    Part(
        "evaluation_results", "Evaluation results", "How well does it do, by which measures?",
        ("Evaluation Results", "Results", "Evaluation", "Evaluations", "Benchmarks", "Quantitative Analyses",
         "Performance"),
        "no evaluation results",
    ),
    Part(
        "risks", "Risks and mitigations", "What can go wrong, and what is done about it?",
        (
            "Risks and Mitigations", "Risks", "Recommendations", "Ethical Considerations", "Ethics and Safety",
            "Responsibility & Safety", "Safety", "Mitigations",
        ),
        "no risks and mitigations",
    ),
    Part(
        "contacts", "Contacts", "Whom does one ask about it?",
        ("Contact", "Contacts", "Model Card Contact", "Model Card Authors", "Authors"),
        "no contacts",
    ),
)  # fmt: skip
BY_KEY = {part.key: part for part in PARTS}


def bare(heading: str) -> str:
    """A heading by its letters alone."""
    return _sign.sub("", _aside.sub("", heading)).casefold()


_known = {bare(heading): part.key for part in PARTS for heading in part.headings}


def part_of(heading: str) -> str:
    """The key of the part that a heading begins, empty where it is of none."""
    return _known.get(bare(heading), "")
