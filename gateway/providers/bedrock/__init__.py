"""Amazon Bedrock's Converse API, signed with AWS Signature Version 4 or with a Bedrock API key.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html and _ConverseStream.html.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import ClassVar
from urllib.parse import quote, urlsplit

from gateway.asked import Asked
from gateway.providers.bedrock.asking import as_conversation
from gateway.providers.bedrock.reading import ConverseReading
from gateway.providers.bedrock.signing import Keys, signed
from gateway.providers.parts import inside
from gateway.providers.provider import Provider, Reading, Request, as_json, beyond_one_answer
from gateway.snapshot import Target

_REGION = re.compile(r"bedrock-runtime(?:-fips)?\.([a-z0-9-]+)\.")
USUAL_REGION = "us-east-1"


class Bedrock(Provider):
    """The model's identifier, or that of an inference profile, is its name there."""

    name = "bedrock"
    words = "Amazon Bedrock"
    listed_as = "aws"
    example = "https://bedrock-runtime.eu-central-1.amazonaws.com"
    credential = (
        "ACCESS_KEY_ID:SECRET_ACCESS_KEY, with :SESSION_TOKEN behind it where there is one; or a Bedrock API key."
    )
    about = "A model is called there by its identifier, or by that of an inference profile; they are not listed."
    streams_as: ClassVar[str] = "application/vnd.amazon.eventstream"
    system_in = "system"
    joins_turns = True

    def listing(self, base_url: str, credential: str) -> None:
        """It lists its models elsewhere."""

    def cannot(self, asked: Asked) -> str:
        if asked.operation == "embeddings":
            return "Bedrock's conversations have no embeddings"
        if why := beyond_one_answer(asked):
            return why
        shape = inside(asked.neutral, "response_format", "type") or "text"
        return "" if shape == "text" else f"it has no “{str(shape)[:60]}” as the format of a text"

    def request(self, target: Target, asked: Asked) -> Request:
        verb = "converse-stream" if asked.is_streamed else "converse"
        url = f"{target.base_url}/model/{quote(target.upstream_name, safe='')}/{verb}"
        body = as_json(as_conversation(asked.neutral))
        return Request(url, self._headers(target, url, body), body)

    def reading(self, asked: Asked) -> Reading:
        return ConverseReading(asked)

    def _headers(self, target: Target, url: str, body: bytes) -> dict[str, str]:
        keys = Keys.read(target.credential)
        if keys is None:
            return {"authorization": f"Bearer {target.credential}"} if target.credential else {}
        found = _REGION.search(urlsplit(url).netloc)
        region = found[1] if found else USUAL_REGION
        headers = {"content-type": "application/json"}
        return signed("POST", url, headers, body, keys, region, "bedrock", dt.datetime.now(dt.UTC))


PROVIDER = Bedrock()
