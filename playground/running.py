"""The answers of one turn, written at once: each its own task, saved as it grows, stopped alone or together.

A run belongs to the process it began in; a stop from another process reaches it through the database within a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from gateway.calls import Caller
from playground import saving
from playground.answering import Writing
from playground.asking import Plan
from tenants.models import Environment, User

SAVE_EVERY_S = 1.0

_running: dict[UUID, Run] = {}  # by answer
_leaving: set[asyncio.Future[Any]] = set()  # the loop keeps only weak references to tasks


def caller_of(environment: Environment, user: User) -> Caller:
    """Who the gateway sees: the person, in their environment, by the playground."""
    return Caller(
        tenant_id=environment.tenant_id,
        project_id=environment.project_id,
        environment_id=environment.pk,
        environment_path=environment.path,
        origin="playground",
        user_id=user.pk,
        user_label=str(user),
    )


class Run:
    """The answers of a plan while they are written.

    `changed` is set whenever there is something new to show, `urgent` when it should not wait: a first word, an end.
    """

    def __init__(self, plan: Plan, caller: Caller, *, request_id: str = "") -> None:
        self.plan = plan
        self.writings = [Writing(planned) for planned in plan.answers]
        self.changed = asyncio.Event()
        self.urgent = asyncio.Event()
        self._begun: set[UUID] = set()
        self._caller = caller
        self._request_id = request_id
        self._tasks: dict[UUID, asyncio.Task[None]] = {}
        self._ended: set[UUID] = set()  # those whose end is saved
        self._stopped: set[UUID] = set()  # cancelled once: a second time would cut the settling short
        self._saver: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Call every model. Returns at once."""
        for writing in self.writings:
            _running[writing.id] = self
            self._tasks[writing.id] = asyncio.create_task(self._write(writing))
        self._saver = asyncio.create_task(self._save_now_and_then())

    async def _write(self, writing: Writing) -> None:
        request_id = f"{self._request_id}-{writing.column.key}" if self._request_id else str(writing.id)
        await writing.write(self._caller, request_id=request_id, changed=lambda: self._note(writing))
        # The end is saved even when this task is cancelled once more.
        saved = asyncio.ensure_future(saving.insist(saving.keep_end, writing))
        _leaving.add(saved)
        saved.add_done_callback(_leaving.discard)
        try:
            await asyncio.shield(saved)
        finally:
            _running.pop(writing.id, None)
            self._ended.add(writing.id)
            self.changed.set()
            self.urgent.set()

    def _note(self, writing: Writing) -> None:
        self.changed.set()
        if writing.id not in self._begun:
            self._begun.add(writing.id)
            self.urgent.set()

    def has_ended(self, writing: Writing) -> bool:
        """Whether the answer is complete and saved."""
        return writing.id in self._ended

    @property
    def is_over(self) -> bool:
        return len(self._ended) == len(self.writings)

    def stop(self, answers: Iterable[UUID]) -> None:
        """Stop some of the answers: their provider calls are cancelled and settled, what arrived is kept."""
        for answer_id in answers:
            writing = next((w for w in self.writings if w.id == answer_id), None)
            if writing is not None and writing.is_running and answer_id not in self._stopped:
                self._stopped.add(answer_id)
                # Not at once: a task that is cancelled before its first step would never tell how it ended.
                asyncio.get_running_loop().call_soon(self._tasks[answer_id].cancel)

    async def wait(self) -> None:
        """Until every answer has ended."""
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        await self._finish()

    def leave(self) -> asyncio.Task[None]:
        """The reader is gone: stop what still runs. The task that is returned settles it, whoever waits or not."""
        self.stop(writing.id for writing in self.writings)
        task = asyncio.create_task(self.wait())
        _leaving.add(task)
        task.add_done_callback(_leaving.discard)
        return task

    async def _finish(self) -> None:
        if self._saver is not None:
            self._saver.cancel()
            await asyncio.gather(self._saver, return_exceptions=True)
            self._saver = None

    async def _save_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(SAVE_EVERY_S)
            progress = [(w.id, w.text, w.reasoning) for w in self.writings if w.is_running]
            if not progress:
                continue
            try:
                asked = await saving.visit(saving.keep_progress, progress)
            except saving.AWAY:
                continue  # the database is away for a moment: the next round saves more
            self.stop(asked)


def stop(answers: Sequence[UUID]) -> None:
    """Stop those of `answers` that run in this process. Must be called in the loop they run in."""
    for answer_id in answers:
        if (run := _running.get(answer_id)) is not None:
            run.stop([answer_id])


async def run_to_the_end(plan: Plan, caller: Caller, *, request_id: str = "") -> Run:
    """Write all answers and come back when the last has ended, for those who do not want a stream."""
    run = Run(plan, caller, request_id=request_id)
    run.start()
    try:
        await run.wait()
    except asyncio.CancelledError:
        await asyncio.shield(run.leave())
        raise
    return run
