"""Hold what the provider and the clients know against the ledger: each call once, and the sums equal."""

from __future__ import annotations

from decimal import Decimal

from django.db.models import Count, Sum

from tests.chaos.clients import Memory
from tests.gateway.provider import Provider, usage
from tests.usage.test_ledger import assert_totals_are_the_sums_of_the_calls
from usage.models import Call


def reached(provider: Provider) -> list[str]:
    """The ids of the calls that the provider got, in the order in which they came."""
    return [exchange.headers["x-client-request-id"] for exchange in list(provider.exchanges)]


def faults(provider: Provider, memory: Memory) -> list[str]:
    """What does not agree, a sentence each."""
    came = reached(provider)
    kept = {str(pk): outcome for pk, outcome in Call.objects.values_list("pk", "outcome")}
    wrong = {
        "calls came to the provider twice": len(came) - len(set(came)),
        "calls that the provider had are missing": len(set(came) - kept.keys()),
        "calls that a client was answered are missing": len(memory.told - kept.keys()),
        # A process may be killed between writing down that it will ask and asking: that is an interrupted call.
        "calls that no provider had are not called interrupted": sum(
            outcome != "interrupted" for name, outcome in kept.items() if name not in set(came)
        ),
        "whole answers are not called so": sum(kept.get(name) != "ok" for name in memory.whole),
    }
    found = [f"{count} {what}." for what, count in wrong.items() if count]
    whole = Call.objects.filter(outcome="ok").aggregate(
        n=Count("pk"), read=Sum("input_tokens"), said=Sum("output_tokens")
    )
    told = usage()
    if (whole["read"], whole["said"]) != (whole["n"] * told["prompt_tokens"], whole["n"] * told["completion_tokens"]):
        found.append(f"The tokens of whole calls are not those that the provider told: {whole}.")
    assert_totals_are_the_sums_of_the_calls()
    return found


def spent() -> Decimal:
    """What all calls in the ledger have cost."""
    return Decimal(Call.objects.aggregate(sum=Sum("cost", default=Decimal(0)))["sum"])
