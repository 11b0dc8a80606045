"""Azure OpenAI, by either of its addresses: `…/openai/v1`, where it speaks as OpenAI does, and the one before that,
where the deployment stands in the path and the version of the API behind it."""

from __future__ import annotations

import re
from typing import ClassVar
from urllib.parse import quote, urlsplit

from catalog.dialects import Listing
from gateway.asked import Asked
from gateway.providers.compatible import Compatible
from gateway.providers.openai import OpenAI
from gateway.providers.provider import Provider, Request
from gateway.snapshot import Target

# The last version of the earlier API that is generally available; its later ones are previews, which end.
VERSION = "2024-10-21"
V1 = "/openai/v1"
# What Entra issues is a JSON Web Token (RFC 7519): three parts in base64url, the first one an object.
_TOKEN = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+")


def headers_with(credential: str) -> dict[str, str]:
    """A key in Azure's own header, a token of Entra as a bearer's."""
    if not credential:
        return {}
    return {"authorization": f"Bearer {credential}"} if _TOKEN.fullmatch(credential) else {"api-key": credential}


def is_v1(base_url: str) -> bool:
    """Whether an address is the newer one."""
    return urlsplit(base_url).path.endswith(V1)


def resource_of(base_url: str) -> str:
    """Below which the earlier API lies."""
    return f"{base_url.removesuffix('/openai')}/openai"


class Azure(Compatible):
    """The address at which it speaks as OpenAI does."""

    name = "azure"
    words = "Azure OpenAI"
    listed_as = "azure"
    example = "https://NAME.openai.azure.com/openai/v1"
    credential = "An API key of the resource, or a token of Entra, which ends within hours."
    about = "A model is called there as its deployment is; they are not listed."
    bound, paths, readings = OpenAI.bound, OpenAI.paths, OpenAI.readings

    def at(self, target: Target) -> Provider:
        return self if is_v1(target.base_url) else BY_DEPLOYMENT

    def listing(self, base_url: str, credential: str) -> Listing:
        """The models that could be deployed are listed, the deployments are not: it is asked for its status alone."""
        url = f"{base_url}/models" if is_v1(base_url) else f"{resource_of(base_url)}/models?api-version={VERSION}"
        return Listing(url, headers_with(credential), None)

    def headers(self, target: Target) -> dict[str, str]:
        return headers_with(target.credential)


class ByDeployment(Compatible):
    """The earlier address. It has responses in previews alone, so they are asked for as chats."""

    bound: ClassVar[str] = "max_completion_tokens"

    def request(self, target: Target, asked: Asked) -> Request:
        request = super().request(target, asked)
        return request._replace(url=f"{request.url}?api-version={VERSION}")

    def base(self, target: Target) -> str:
        return f"{resource_of(target.base_url)}/deployments/{quote(target.upstream_name, safe='')}"

    def headers(self, target: Target) -> dict[str, str]:
        return headers_with(target.credential)


BY_DEPLOYMENT = ByDeployment()
PROVIDER = Azure()
