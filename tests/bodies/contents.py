"""Content of calls, sealed and written as the gateway's process writes it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import orjson

from tenants.models import Tenant
from usage.bodies.sealing import end_user_hash, seal, unwrapped
from usage.bodies.setting import ensure_key
from usage.bodies.storing import BodyRecord, store
from usage.bodies.tables import Body, BodyKey
from usage.models import Call

PROMPT = {"model": "echo", "messages": [{"role": "user", "content": "Where is <b>my</b> order?"}]}
ANSWER = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "On its way."}}]}


def record(call: Call, *, end_user: str = "", days: int = 30, **changes: Any) -> BodyRecord:
    """The content of `call` as the gateway would send it."""
    ensure_key(Tenant.objects.get(pk=call.tenant_id))
    key = BodyKey.objects.get(tenant=call.tenant_id)
    secret = unwrapped(bytes(key.wrapped))
    prompt, answer = orjson.dumps(PROMPT), orjson.dumps(ANSWER)
    values: dict[str, Any] = {
        "id": call.pk, "tenant_id": call.tenant_id, "project_id": call.project_id,
        "environment_id": call.environment_id, "key_id": key.pk, "key_prefix": call.key_prefix,
        "end_user_hashes": (end_user_hash(secret, end_user),) if end_user else (), "form": "chat",
        "is_streamed": False, "has_failed": call.outcome != "ok", "has_media": False,
        "started_at": call.started_at,
        "erase_at": call.started_at + dt.timedelta(days=days),
        "prompt": seal(secret, call.tenant_id, call.pk, "prompt", changes.pop("told_prompt", prompt)),
        "answer": seal(secret, call.tenant_id, call.pk, "answer", changes.pop("told_answer", answer)),
        "prompt_bytes": len(prompt), "answer_bytes": len(answer), "is_prompt_cut": False, "is_answer_cut": False,
    }  # fmt: skip
    return BodyRecord(**(values | changes))


def content_of(call: Call, **more: Any) -> Body:
    """Kept content of `call`."""
    assert store([record(call, **more)]) == 1
    return Body.objects.get(pk=call.pk)
