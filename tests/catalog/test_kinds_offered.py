"""Whoever connects an endpoint has the kinds that are offered, at the page and in the API alike."""

from __future__ import annotations

import pytest
from django.test import Client

from catalog.models import Provider


@pytest.mark.parametrize("kind", ["local", "brand-new"])
def test_a_kind_that_is_not_offered_cannot_be_connected(pat: Client, kind: str) -> None:
    given = {"name": "Mine", "dialect": kind, "base_url": "http://127.0.0.1:9/v1"}
    answer = pat.post("/api/providers/", given, content_type="application/json", headers={"Idempotency-Key": "k"})
    assert answer.status_code == 422 and answer.json()["field"] == "dialect", answer.content
    assert f"no kind of endpoint “{kind}”" in answer.json()["detail"] and ", local" not in answer.json()["detail"]
    assert not Provider.objects.filter(name="Mine").exists()
