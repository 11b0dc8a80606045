"""What a model would be sent for a prompt, on the API. Nobody is asked, nothing is charged, and nothing is kept."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from catalog.missing import find_model
from catalog.models import Model
from playground import sending
from refusals.errors import Invalid
from tenants.api.bodies import Body, body_of

MOST_MESSAGES, MOST_TOOLS = 200, 50


class RenderPromptSerializer(Body):
    """A prompt as it is written: messages of a chat completion, and its tools."""

    messages = serializers.ListField(child=serializers.DictField(), min_length=1, max_length=MOST_MESSAGES)
    tools = serializers.ListField(child=serializers.DictField(), max_length=MOST_TOOLS, required=False)


class RenderedPromptSerializer(serializers.Serializer[Any]):
    """What one deployment would be sent."""

    deployment = serializers.UUIDField()
    provider = serializers.CharField()
    upstream_name = serializers.CharField()
    form = serializers.ChoiceField(choices=["chat", "text"], help_text="text: one that the model completes")
    sent = serializers.CharField(help_text="the text, or the chat in its provider's form as JSON")
    stops = serializers.ListField(child=serializers.CharField(), help_text="texts that end the answer")
    differences = serializers.ListField(
        child=serializers.CharField(), help_text="what is put another way, in sentences"
    )
    refused = serializers.CharField(help_text="why such a prompt is not sent; empty where it is")


class PromptViewSet(viewsets.GenericViewSet[Model]):
    """Prompts as models are sent them."""

    queryset = Model.objects.none()
    lookup_field = "slug"
    lookup_value_converter = "name"

    @extend_schema(
        operation_id="models_render_prompt",
        request=RenderPromptSerializer,
        responses=RenderedPromptSerializer(many=True),
    )
    @action(detail=True, methods=["post"], url_path="render-prompt", url_name="render")
    def render_prompt(self, request: Request, slug: str) -> Response:
        """Show what is really sent, by each connected deployment that serves the model; no call is made."""
        found, said = find_model(slug), body_of(request, RenderPromptSerializer)
        size = sum(len(str(each)) for each in (*said["messages"], *said.get("tools", ())))
        if size > sending.MOST_CHARACTERS:
            raise Invalid(f"A prompt of at most {sending.MOST_CHARACTERS:,} characters is shown.", field="messages")
        rows = sending.for_model(found, {"model": found.slug, **said})
        return Response([_written(each) for each in rows])


def _written(row: sending.Sent) -> dict[str, Any]:
    shown, deployment = row.shown, row.deployment
    return {
        "deployment": str(deployment.pk),
        "provider": deployment.provider.slug,
        "upstream_name": deployment.upstream_name,
        "form": shown.form,
        "sent": shown.sent,
        "stops": list(shown.stops),
        "differences": list(shown.differences),
        "refused": shown.refused,
    }
