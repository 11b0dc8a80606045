"""The kinds of providers, a folder each. A folder with a `PROVIDER` is one; nothing else has to know of it."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from gateway.providers.prompted import prompted
from gateway.providers.provider import Provider
from gateway.snapshot import Target


@cache
def known() -> dict[str, Provider]:
    """Every kind by its name."""
    folders = [each.name for each in iter_modules(__path__) if each.ispkg]
    found = [import_module(f"{__name__}.{folder}").PROVIDER for folder in folders]
    return {provider.name: provider for provider in found}


def provider_of(target: Target) -> Provider:
    """How a deployment is spoken to, with prompts put as its model takes them; one of a kind that is not known here as
    most are."""
    found: Provider | None = target.spoken_to
    if found is None:
        kinds = known()
        kind = (kinds.get(target.dialect) or kinds["openai"]).at(target)
        found = kind if target.prompting is None else prompted(kind, target.prompting)
        object.__setattr__(target, "spoken_to", found)  # it never changes: kept with what it was found for
    return found
