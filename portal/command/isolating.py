"""`atrium isolation verify`: prove that the walls between tenants stand, for a person or for a program."""

from __future__ import annotations

import argparse
import json

from tenants.scope import everything


@everything("an operator looks at the whole")
def verify(options: argparse.Namespace) -> int:
    """Print what was looked at, attacked and found; 0 when there is no hole."""
    from portal import isolation

    verdict = isolation.verify()
    if options.json:
        holes = [{"table": hole.table, "words": hole.words} for hole in verdict.holes]
        facts = {"tables": verdict.tables, "attacks": verdict.attacks, "empty": verdict.empty, "holes": holes}
        print(json.dumps(facts, indent=2))
        return int(bool(holes))
    for hole in verdict.holes:
        print(f"HOLE {hole.table}: {hole.words}")
    told = f"{len(verdict.tables)} tables of tenants, {verdict.attacks} attacks"
    if verdict.empty:
        told += f" ({len(verdict.empty)} tables hold no row: of them the policies were read)"
    print(f"{told}: {len(verdict.holes)} holes" if verdict.holes else f"Both walls stand: {told}, none got through.")
    return int(bool(verdict.holes))
