"""Write what search reads: the words of a model by weight, and the direction of its meaning.

Weight A holds names, B what it is for and can do, C how its provider describes it, D who offers it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from catalog import embedding, tokens
from catalog.models import Model
from catalog.vocabulary import CAPABILITIES, MODES

_UPDATE = """
UPDATE catalog_model AS model SET
    search_text = found.whole,
    embedding = found.meaning::vector,
    search_vector = found.names::tsvector
        || setweight(to_tsvector('english', found.purpose), 'B')
        || setweight(to_tsvector('english', found.description), 'C')
        || setweight(to_tsvector('simple', found.offered_by), 'D')
FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[])
    AS found(id, names, purpose, description, offered_by, whole, meaning)
WHERE model.id = found.id
"""


@dataclass(frozen=True)
class Words:
    """What one model is found by."""

    model_id: UUID
    names: str
    purpose: str
    description: str
    offered_by: str

    @property
    def whole(self) -> str:
        return "\n".join((self.names, self.purpose, self.description, self.offered_by))


def words_of(model: Model, *, other_names: Iterable[str] = (), related: str = "") -> Words:
    """The words of `model`, with the names that providers use and `related` words from its name."""
    mode = MODES.get(model.mode)
    can = [CAPABILITIES[key] for key in model.capabilities if key in CAPABILITIES]
    long_context = "long context large documents books" if (model.context_tokens or 0) >= 500_000 else ""
    is_open = "open weights open source self-hosted" if model.licence and model.licence != "Proprietary" else ""
    small = (
        "small fast cheap"
        if any(
            word in model.slug.split("-")
            for word in ("mini", "nano", "flash", "lite", "haiku", "small", "tiny", "micro")
        )
        else ""
    )
    return Words(
        model_id=model.pk,
        names=" ".join(dict.fromkeys([model.name, model.slug, model.developer, *other_names])),
        purpose=" ".join(
            part
            for part in (
                model.purpose,
                f"{mode.label} {mode.related}" if mode else model.mode,
                " ".join(f"{word.label} {word.related}" for word in can),
                long_context,
                is_open,
                small,
                model.licence,
                related,
            )
            if part
        ),
        description=model.description,
        offered_by=" ".join(model.provider_slugs),
    )


def index(found: Iterable[Words]) -> int:
    """Write the words of every model whose words are new; returns how many were."""
    words = {each.model_id: each for each in found}
    known = dict(Model.objects.filter(pk__in=words).values_list("pk", "search_text"))
    new = [each for each in words.values() if known.get(each.model_id) != each.whole]
    vectors = embedding.embed([_meaning(each) for each in new])
    for start in range(0, len(new), 500):
        batch = new[start : start + 500]
        with connection.cursor() as cursor:
            cursor.execute(
                _UPDATE,
                [
                    [each.model_id for each in batch],
                    [tokens.vector_text(tokens.of_name(each.names), "A") for each in batch],
                    [each.purpose for each in batch],
                    [each.description for each in batch],
                    [each.offered_by for each in batch],
                    [each.whole for each in batch],
                    [str(vector) for vector in vectors[start : start + 500]],
                ],
            )
    return len(new)


def _meaning(words: Words) -> str:
    """What is embedded: the name once, what it is for, how it is described; not the many spellings of its name."""
    first_names = " ".join(words.names.split()[:6])
    return f"{first_names}. {words.purpose} {words.description[:400]}"
