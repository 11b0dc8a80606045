"""The SCIM server's steps, told about our refusals, and with many operations of one request in one transaction."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from django.db import DataError, transaction
from pydantic import ValidationError
from scim2_models import (
    BaseModel,
    BulkOperation,
    Context,
    Error,
    InvalidValueException,
    PatchOp,
    PayloadTooLargeException,
    Resource,
    ResourceType,
    ResponseParameters,
    SCIMException,
    SearchRequest,
)
from scim2_server.handler import ScimHandler
from scim2_server.requests import ScimRequest
from scim2_server.responses import ScimResponse
from scim2_server.routing import Operation, Target, match
from scim2_server.service import ScimService, scim_exception_of

from refusals import Refusal
from tenants.scim import refused, resources
from tenants.scim.habits import without_what_says_nothing
from tenants.scim.schema import MOST_ATTRIBUTES, MOST_OPERATIONS
from tenants.scim.storage import DirectoryStorage

log = logging.getLogger(__name__)

# In these alone the library can find what refers to another resource; it looks for it attribute by attribute.
REFERRING = {"groups", "members", "EnterpriseUser"}
ADDRESSES_KEPT = 128  # those without an identifier are few, and come again and again


class Service(ScimService):
    """The protocol, told about our refusals, and how much one request may ask for."""

    @staticmethod
    def match(request: ScimRequest) -> Target:
        return _target(request.method.upper(), request.path)

    def read_response_parameters(
        self, resource_type: ResourceType, query: Mapping[str, str]
    ) -> ResponseParameters[Any]:
        return _not_too_many(super().read_response_parameters(resource_type, query))

    def read_search(self, resource_types: list[ResourceType], payload: Any) -> tuple[SearchRequest[Any], Any]:
        asked, position = super().read_search(resource_types, payload)
        return _not_too_many(asked), position

    def read_body[T: BaseModel](self, model: type[T], body: bytes, content_type: str | None, scim_ctx: Context) -> T:
        return super().read_body(model, without_what_says_nothing(body), content_type, scim_ctx)

    def read_patch(self, resource_type: ResourceType, body: bytes, content_type: str | None) -> PatchOp[Any]:
        asked = super().read_patch(resource_type, body, content_type)
        if len(asked.operations or ()) > MOST_OPERATIONS:
            raise PayloadTooLargeException(detail=f"A PATCH has {MOST_OPERATIONS} operations at most.")
        return asked

    def publish(self, base_url: str, resource: Resource[Any]) -> Resource[Any]:
        """`resource` as it is sent. It was made of rows for this answer alone, so that no copy is needed."""
        meta: Any = resource.meta
        meta.location = self.resource_location(base_url, self.get_resource_type_of(resource), str(resource.id))
        if resource.model_fields_set & REFERRING:
            self._publish_references(base_url, resource)
        return resource

    @staticmethod
    def error_of(exception: Exception) -> Error:
        if isinstance(exception, Refusal):
            return refused.error_of(exception)
        if isinstance(exception, DataError):  # a null character, or a number far too large
            return InvalidValueException(detail="Something you sent cannot be kept. Nothing was changed.").to_error()
        if isinstance(exception.__cause__, ValidationError):  # said for people, and not as the library's own report
            return scim_exception_of(exception.__cause__).to_error()
        if not isinstance(exception, SCIMException):
            log.error("A SCIM request could not be carried out.", exc_info=exception)
        return ScimService.error_of(exception)


class Handler(ScimHandler):
    """Serves a request from a directory's storage."""

    storage: DirectoryStorage

    def bulk(self, request: ScimRequest) -> ScimResponse:
        """All operations of a bulk request in one transaction, each of which may fail for itself (RFC 7644 §3.7).

        New people are kept together, as many as come one after the other.
        """
        with self.service.provider:
            self.service.route(request, Operation.bulk)
            plan = self.service.read_bulk(request.body, request.header("Content-Type"))
            told = [resources.told_by(data) for op in plan.operations if (data := _new_person(op)) is not None]
            with self.storage.together(told):
                for step in plan:
                    result, resource = self.run_bulk_step(request, plan, step)
                    plan.record(step, result, resource)
            return self.service.bulk_response(plan)

    def apply_bulk_operation(
        self, resource_type: ResourceType, operation: BulkOperation[Resource[Any]]
    ) -> Resource[Any] | None:
        if (person := _new_person(operation)) is not None:  # touches no row before it is kept
            return self.storage.create(resource_type, person)
        self.storage.keep()
        with transaction.atomic():
            return super().apply_bulk_operation(resource_type, operation)


@lru_cache(ADDRESSES_KEPT)
def _target(method: str, path: str) -> Target:
    """What a request asks for. The library compares it with every route, several times a request."""
    return match(method, path)


def _not_too_many[T: ResponseParameters[Any]](asked: T) -> T:
    if len([*(asked.attributes or ()), *(asked.excluded_attributes or ())]) > MOST_ATTRIBUTES:
        raise InvalidValueException(detail=f"A request names {MOST_ATTRIBUTES} attributes at most.")
    return asked


def _new_person(operation: BulkOperation[Resource[Any]]) -> Resource[Any] | None:
    is_post = operation.method == BulkOperation.Method.post and (operation.path or "").strip("/").lower() == "users"
    return operation.data if is_post and isinstance(operation.data, Resource) else None
