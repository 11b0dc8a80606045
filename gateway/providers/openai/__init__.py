"""OpenAI itself, which takes every form of its own, responses among them."""

from __future__ import annotations

from typing import ClassVar

from gateway.providers.compatible import Compatible
from gateway.providers.openai.reading import ResponsesReading


class OpenAI(Compatible):
    name = "openai_platform"
    words = "OpenAI"
    listed_as = "openai"
    address = "https://api.openai.com/v1"
    example = address
    about = ""
    bound = "max_completion_tokens"  # its reasoning models refuse the other one
    paths: ClassVar = {**Compatible.paths, "responses": "/responses"}
    readings: ClassVar = {**Compatible.readings, "responses": ResponsesReading}


PROVIDER = OpenAI()
