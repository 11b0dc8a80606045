"""Fixtures of the browser tests: a served Atrium, a watched Chromium, and pages signed in as anybody.

    def test_something(cast, visit):
        page = visit("/catalog/", cast.dev)                       # or dark=True, width=390, expect={404}
        page.get_by_role("button", name="Request access").click()

After the test, a console error, an uncaught exception or a request to a foreign host fails it.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.test import Client
from playwright.sync_api import Browser, Page

from tenants.models import User
from tests.browser.chromium import Watch, chromium
from tests.browser.server import serving
from tests.cast import Cast
from tests.installation import Installation

PATIENCE_MS = 8000
PATIENCE_WITH_A_MODEL_MS = 20_000  # a real model answers, on two busy cores
SignIn = Callable[..., Page]  # an account, and the width of its window


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """A Chromium for the tests of this folder, gone before others run.

    Playwright keeps an event loop in this thread, beside which no other can run. The ORM is used between its calls,
    never inside them.
    """
    with pytest.MonkeyPatch.context() as patch, chromium() as opened:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        yield opened


@pytest.fixture(scope="session")
def served(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an Atrium over this process's test database."""
    log = tmp_path_factory.mktemp("served") / "granian.log"
    with serving(str(connection.settings_dict["NAME"]), log) as address:
        yield address


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    """The cast, committed, because another process serves it."""
    return Cast.create()


def session_cookie(user: User, address: str) -> dict[str, str]:
    """A session of `user`, as if signed in."""
    client = Client()
    client.force_login(user, "tenants.backends.AccountBackend")
    return {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": address}


@pytest.fixture
def visit(browser: Browser, served: str, transactional_db: None) -> Iterator[Callable[..., Page]]:
    """Open a path as a person in a fresh window; `expect` names the error statuses the test provokes."""
    watches: list[Watch] = []
    contexts = []

    def open_page(
        path: str,
        user: User | None = None,
        *,
        dark: bool = False,
        width: int = 1280,
        expect: frozenset[int] | set[int] = frozenset(),
        host: str = "127.0.0.1",
        javascript: bool = True,
    ) -> Page:
        address = served.replace("127.0.0.1", host)
        context = browser.new_context(
            base_url=address,
            viewport={"width": width, "height": 844},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            java_script_enabled=javascript,
            permissions=["clipboard-read", "clipboard-write"],
        )
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        if user is not None:
            context.add_cookies([session_cookie(user, address)])  # type: ignore[list-item]
        watch = Watch(own=(f"http://{urlsplit(address).netloc}/",), expected_statuses=set(expect))
        watches.append(watch)
        context.on("page", watch.over)
        page = context.new_page()
        page.goto(path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    problems = [problem for watch in watches for problem in watch.problems]
    assert not problems, "\n".join(problems)


@pytest.fixture(scope="package")
def whole() -> Iterator[Installation]:
    """`make run` in an empty folder, as a newcomer to Atrium has it."""
    folder = Path(tempfile.mkdtemp(prefix="atrium-whole-"))
    folder.chmod(0o711)
    running = Installation(folder / "atrium")
    try:
        running.start(within_s=240)
        yield running
    finally:
        left = running.processes()
        if running.process is not None and running.process.poll() is None:
            running.stop()
        for process in left:
            if process.is_running():
                process.kill()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def sign_in(browser: Browser, whole: Installation) -> Iterator[SignIn]:
    """Sign in as a demonstration account by its button, in a window of its own; nothing on its console may be wrong."""
    address = f"http://127.0.0.1:{whole.port}"
    contexts = []
    watch = Watch(own=(f"{address}/",), expected_statuses={403, 404})

    def enter(account: str, width: int = 1280) -> Page:
        context = browser.new_context(
            base_url=address, viewport={"width": width, "height": 900}, reduced_motion="reduce", accept_downloads=True
        )
        context.set_default_timeout(PATIENCE_WITH_A_MODEL_MS)
        contexts.append(context)
        context.on("page", watch.over)
        page = context.new_page()
        page.goto("/accounts/login/")
        page.get_by_role("button", name=re.compile(rf"^{account}\b")).click()
        page.wait_for_selector("body[data-user]")
        return page

    yield enter
    for context in contexts:
        context.close()
    assert not watch.problems, "\n".join(watch.problems)
