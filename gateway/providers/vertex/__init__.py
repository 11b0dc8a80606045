"""Google's Vertex AI: Gemini under the address of a project and its place, Anthropic's models and embeddings beside it.

Source: https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.publishers.models and
https://docs.anthropic.com/en/api/claude-on-vertex-ai.
"""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from catalog.dialects import Listing
from gateway.answering import Answering
from gateway.asked import Asked
from gateway.providers.anthropic import VERSION as FIRST_VERSION
from gateway.providers.anthropic import Anthropic
from gateway.providers.gemini import Gemini
from gateway.providers.gemini.reading import AnswerReading
from gateway.providers.provider import Provider, Reading, Request, as_json, lines_of
from gateway.providers.vertex.predicting import PredictReading, as_instances
from gateway.providers.vertex.service_account import account_of
from gateway.providers.vertex.tokens import send_with_token
from gateway.snapshot import Target
from gateway.stop import Stop
from gateway.upstream import Upstream

ANTHROPIC_VERSION = "vertex-2023-10-16"  # as the first one, which most clients name, is called there


class Vertex(Gemini):
    """Gemini in its own form. A model is named as Google's page of it names it; without a publisher it is Google's, or
    Anthropic's where it is a Claude."""

    name = "vertex"
    words = "Google Vertex AI"
    listed_as = ""  # the catalog lists Google once, and most reach it by the other kind
    address = ""
    example = "https://europe-west4-aiplatform.googleapis.com/v1/projects/PROJECT/locations/europe-west4"
    credential = "The key file of a service account, all of its JSON; or an access token, which ends within the hour."
    about = "Gemini and embeddings are called as Google names them, a Claude with its version behind @; none is listed."

    def at(self, target: Target) -> Provider:
        return CLAUDE if "claude" in target.upstream_name else self

    def listing(self, base_url: str, credential: str) -> Listing:
        """Google's models are listed, what a project may call is not: it is asked for its status alone."""
        parts = urlsplit(base_url)
        url = f"{parts.scheme}://{parts.netloc}/v1beta1/publishers/google/models?pageSize=1"
        account = account_of(credential)
        return Listing(url, self.headers(credential), None, account.token_request() if account else None)

    def request(self, target: Target, asked: Asked) -> Request:
        if asked.operation == "embeddings":
            body = as_instances(asked)
            return Request(_address(target, "google", "predict"), self.headers(target.credential), as_json(body))
        request = super().request(target, asked)
        verb = request.url.rpartition(":")[2]
        return request._replace(url=_address(target, "google", verb))

    def reading(self, asked: Asked) -> Reading:
        return PredictReading(asked) if asked.operation == "embeddings" else AnswerReading(asked)

    def headers(self, credential: str) -> dict[str, str]:
        return headers_with(credential)

    async def send(
        self, upstream: Upstream, target: Target, request: Request, timeout_s: float, stop: Stop
    ) -> Answering:
        return await send_with_token(upstream, target, request, timeout_s, stop)


class Claude(Anthropic):
    """Anthropic's messages at Google: the model stands in the path, the version of the form in the body."""

    def request(self, target: Target, asked: Asked) -> Request:
        verb = "streamRawPredict" if asked.is_streamed else "rawPredict"
        headers = self.headers_of(asked)
        version = headers.pop("anthropic-version", FIRST_VERSION)
        body = self.body(target, asked)
        body = {name: value for name, value in body.items() if name != "model"}
        body["anthropic_version"] = ANTHROPIC_VERSION if version == FIRST_VERSION else version
        address = _address(target, "anthropic", verb)
        return Request(address, headers_with(target.credential), as_json(body), lines_of(headers))

    async def send(
        self, upstream: Upstream, target: Target, request: Request, timeout_s: float, stop: Stop
    ) -> Answering:
        return await send_with_token(upstream, target, request, timeout_s, stop)


def headers_with(credential: str) -> dict[str, str]:
    """The header of an access token; a service account's is had when it is sent."""
    return {} if not credential or credential.startswith("{") else {"authorization": f"Bearer {credential}"}


def _address(target: Target, publisher: str, verb: str) -> str:
    if target.upstream_name.startswith("endpoints/"):  # a model that was tuned, or brought along
        return f"{target.base_url}/{quote(target.upstream_name)}:{verb}"
    path = target.upstream_name.removeprefix("publishers/").replace("/models/", "/")
    named, _, model = path.rpartition("/")
    return f"{target.base_url}/publishers/{quote(named or publisher)}/models/{quote(model, safe='@')}:{verb}"


CLAUDE = Claude()
PROVIDER = Vertex()
