"""Access tokens of service accounts: had once, kept while they last, and renewed before they end beside the calls, so
that one waits for a token only where there is none yet.

Where one is had is an address like any other: `Upstream` refuses to send anything to those that are never called.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from weakref import WeakKeyDictionary

import orjson

from gateway.answering import Answering
from gateway.patience import Patience, whole
from gateway.providers.provider import Request
from gateway.providers.vertex.service_account import ServiceAccount, account_of
from gateway.snapshot import Target
from gateway.stop import Stop, Stopped
from gateway.upstream import ConnectFailed, Timeouts, Upstream, UpstreamError
from refusals import Refusal

log = logging.getLogger(__name__)

WITHIN = Timeouts(connect_s=5.0, first_byte_s=10.0, idle_s=5.0, total_s=15.0)
LARGEST = 64 * 1024
EARLIEST_S = 600.0  # how long before its end a token is renewed, or a third of the time that it lasts
UNSTATED_S = 300.0  # how long one is kept whose time is not told
LONGEST_S = 12 * 3600.0
AGAIN_S = 2.0  # after one could not be had, calls are told so for as long without asking again
HEADERS = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json", "user-agent": "atrium"}


@dataclass(slots=True)
class Held:
    """A token with the moments (`time.monotonic`) of its renewal and of its end."""

    token: str
    renewed_from: float
    ends: float


class Tokens:
    """The tokens that one event loop holds."""

    def __init__(self) -> None:
        self._held: dict[ServiceAccount, Held] = {}
        self._getting: dict[ServiceAccount, asyncio.Task[Held]] = {}
        self._failed: dict[ServiceAccount, tuple[float, str]] = {}

    async def token(self, upstream: Upstream, account: ServiceAccount, timeout_s: float, stop: Stop) -> str:
        """A token that is in force. Raises `ConnectFailed` where none can be had, and `Stopped`."""
        now, held = time.monotonic(), self._held.get(account)
        if held is not None and now < held.ends:
            if now >= held.renewed_from and not self._has_just_failed(account, now):
                self._get(upstream, account)
            return held.token
        if self._has_just_failed(account, now):
            raise ConnectFailed(self._failed[account][1])
        return (await _until(self._get(upstream, account), timeout_s, stop)).token

    def forget(self, account: ServiceAccount) -> None:
        """Its token was refused."""
        self._held.pop(account, None)

    def _has_just_failed(self, account: ServiceAccount, now: float) -> bool:
        return account in self._failed and now < self._failed[account][0]

    def _get(self, upstream: Upstream, account: ServiceAccount) -> asyncio.Task[Held]:
        """The one task that gets a token for `account`, whoever waits for it."""
        if (task := self._getting.get(account)) is None:
            task = self._getting[account] = asyncio.create_task(_had(upstream, account))
            task.add_done_callback(lambda ended: self._got(account, ended))
        return task

    def _got(self, account: ServiceAccount, ended: asyncio.Task[Held]) -> None:
        self._getting.pop(account, None)
        if ended.cancelled():
            return
        if (error := ended.exception()) is None:
            self._held[account] = ended.result()
            self._failed.pop(account, None)
        else:
            self._failed[account] = (time.monotonic() + AGAIN_S, str(error))
            log.warning("No access token could be had for %s: %s", account.email, error)


_of: WeakKeyDictionary[Upstream, Tokens] = WeakKeyDictionary()


async def send_with_token(
    upstream: Upstream, target: Target, request: Request, timeout_s: float, stop: Stop
) -> Answering:
    """Send a request with the token of the service account that `target` is called with; as it is without one."""
    try:
        account = account_of(target.credential)
    except Refusal as error:
        raise ConnectFailed("its credential is no key file of a service account") from error
    if account is None:
        return await upstream.post(request.url, request.headers, request.body, timeout_s, stop, own=request.own)
    until = time.monotonic() + timeout_s
    tokens = _of.setdefault(upstream, Tokens())
    token = await tokens.token(upstream, account, timeout_s, stop)
    headers = request.headers | {"authorization": f"Bearer {token}"}
    left_s = max(until - time.monotonic(), 0.001)
    answer = await upstream.post(request.url, headers, request.body, left_s, stop, own=request.own)
    if answer.status == 401:
        tokens.forget(account)
    return answer


async def _until(task: asyncio.Task[Held], timeout_s: float, stop: Stop) -> Held:
    """Wait for what others may wait for too: who goes leaves it to them."""
    stop.check()
    waiting = asyncio.shield(task)
    stop.wake_by(waiting.cancel)
    try:
        async with asyncio.timeout(timeout_s):
            return await waiting
    except TimeoutError as error:
        raise ConnectFailed(f"no access token came within {timeout_s:g} s") from error  # the prompt was not sent
    except asyncio.CancelledError:
        if stop.is_set:
            raise Stopped from None
        raise
    finally:
        stop.wake_by(None)


async def _had(upstream: Upstream, account: ServiceAccount) -> Held:
    """A new token. Raises `ConnectFailed`: nothing has reached who would answer the call."""
    wanted = await asyncio.to_thread(account.token_request)
    asked, stop, patience = time.monotonic(), Stop(), Patience(WITHIN)
    try:
        patience.was_sent()
        answer = await upstream.post(wanted.url, HEADERS, urlencode(wanted.form).encode(), patience.left_s(), stop)
        try:
            status, body = answer.status, await whole(answer, LARGEST, patience, stop)
        finally:
            upstream.done(answer, wanted.url)
    except UpstreamError as error:
        raise ConnectFailed(f"no access token can be had: {error}") from error
    told = _told(body)
    token, lasts_s = told.get("access_token"), told.get("expires_in")
    if status != 200 or not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token:
        reason = told.get("error")
        why = f", “{reason[:60]}”" if isinstance(reason, str) else ""
        raise ConnectFailed(f"no access token can be had: its address answered {status}{why}")
    is_stated = isinstance(lasts_s, int | float) and lasts_s > 0
    lasts_s = min(float(lasts_s or 0), LONGEST_S) if is_stated else UNSTATED_S
    return Held(token, asked + lasts_s - min(EARLIEST_S, lasts_s / 3), asked + lasts_s)


def _told(body: bytes) -> dict[str, Any]:
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return told if isinstance(told, dict) else {}
