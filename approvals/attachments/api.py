"""Documents of a request on the control-plane API."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.files.uploadedfile import UploadedFile
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import request as http
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.response import Response

from approvals.attachments.attaching import attach, refuse_closed, take_back
from approvals.attachments.tables import Attachment
from approvals.scoping import find_request
from approvals.views.documents import as_file, find_document
from tenants.api.bodies import Body, body_of
from tenants.api.reading import viewer_of
from ui.streaming import StreamsUnderAsgi

DOCUMENT = "documents/<uuid:document_id>"


class RequestDocumentSerializer(serializers.ModelSerializer[Attachment]):
    uploaded_by: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField(slug_field="username", read_only=True)

    class Meta:
        model = Attachment
        fields = ["id", "name", "media_type", "size", "sha256", "uploaded_at", "uploaded_by"]


class AttachSerializer(Body):
    file = serializers.FileField(help_text="PDF, office documents, pictures, plain text, or a zip file of these.")


class DocumentActions:
    """The actions of requests that concern their documents."""

    @extend_schema(responses=RequestDocumentSerializer(many=True), filters=False)
    @action(detail=True, pagination_class=None)
    def documents(self, request: http.Request, number: int) -> Response:
        """What is attached to a request."""
        found = find_request(viewer_of(request), number)
        rows = found.attachments.select_related("uploaded_by")
        return Response(RequestDocumentSerializer(rows, many=True).data)

    @extend_schema(request={"multipart/form-data": AttachSerializer}, responses={201: RequestDocumentSerializer})
    @action(detail=True, methods=["post"], url_path="documents/attach", parser_classes=[MultiPartParser])
    def attach_document(self, request: http.Request, number: int) -> Response:
        """Attach a file, at most 25 MB. Its kind is told by its content, and it is kept encrypted."""
        found, viewer = find_request(viewer_of(request), number), viewer_of(request)
        refuse_closed(found)
        file: UploadedFile = body_of(request, AttachSerializer)["file"]
        made = attach(request=found, name=file.name or "document", file=file, by=viewer)
        return Response(RequestDocumentSerializer(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY}, filters=False)
    @action(detail=True, url_path=DOCUMENT, pagination_class=None)
    def document(self, request: http.Request, number: int, document_id: UUID) -> StreamsUnderAsgi:
        """Download a document. That it was is written down."""
        return as_file(find_document(viewer_of(request), number, document_id), viewer_of(request))

    @extend_schema(responses={204: None})
    @document.mapping.delete
    def take_back_document(self, request: http.Request, number: int, document_id: UUID) -> Response:
        """Take back a document while the request is open: one's own, or any as who asked or decides."""
        take_back(document=find_document(viewer_of(request), number, document_id), by=viewer_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)
