"""The whole thread, as people would walk it, in a browser on a whole installation with its demonstration data."""

from __future__ import annotations

import csv
import io
import re
import time
from collections.abc import Iterator

import pytest
from openai import OpenAI, PermissionDeniedError
from playwright.sync_api import Browser, Page, expect

from tests.browser.axe import load
from tests.browser.chromium import Watch
from tests.browser.conftest import PATIENCE_WITH_A_MODEL_MS, SignIn
from tests.browser.looks import at_a_desk, problems
from tests.browser.pages import PAGES, NamedPage
from tests.installation import Installation

PURPOSE = "Answer card holders' questions about lost cards, invented ones only"
AS_A_TEAM = "retail-banking/card-support/development"
ONE_BYTE = """
import psycopg
from django.conf import settings
from portal.embedded import addresses
owner = addresses.key_value_conninfo(addresses.database_url(settings.DATA_FOLDER, addresses.OWNER))
with psycopg.connect(owner) as connection:
    connection.execute("ALTER TABLE audit_entry DISABLE TRIGGER USER")  # which whoever serves could not
    changed = connection.execute(
        "UPDATE audit_entry SET actor_label = overlay(actor_label placing 'X' from 1 for 1)"
        " WHERE (day, sequence) = (SELECT day, sequence FROM audit_entry WHERE verb = 'key.issued'"
        " ORDER BY day DESC, sequence DESC LIMIT 1) RETURNING day, sequence"
    )
    print("changed", *changed.fetchone())
"""


def test_from_a_newcomer_to_the_audit(whole: Installation, sign_in: SignIn) -> None:
    """What the portal is for, from end to end: found, tried, asked for, decided, called, paid for and explained."""
    _a_newcomer_learns_how_to_begin(sign_in("newcomer"))

    developer = sign_in("developer")
    _two_columns_stream(developer)
    number = _a_third_model_is_asked_for(developer)
    with OpenAI(base_url=f"http://127.0.0.1:{whole.port}/v1", api_key=_secret_of(sign_in("tenant-owner"))) as client:
        with pytest.raises(PermissionDeniedError, match="requests/"):
            _say_hello(client, "smollm2-customer")
        _the_board_approves(sign_in("risk-board"), number)
        _the_third_model_answers(developer)
        call = _say_hello(client, "smollm2-customer")
    _the_call_is_in_usage_within_two_seconds(sign_in("tenant-owner"), call)
    _finops_exports_it(sign_in("finops"), call)
    _the_auditor_finds_all_of_it(sign_in("auditor"), number)
    _one_changed_byte_is_found(whole)


def _a_newcomer_learns_how_to_begin(page: Page) -> None:
    expect(page.get_by_role("heading", level=1)).to_contain_text("Welcome to Atrium")
    expect(page.get_by_role("main").get_by_role("link", name="Bring your team")).to_be_visible()
    page.get_by_role("link", name="Browse models").click()
    page.get_by_role("searchbox").first.fill("smollm2")
    page.keyboard.press("Enter")
    page.get_by_role("main").get_by_role("link", name=re.compile("^SmolLM2 135M")).first.click()
    page.get_by_role("main").get_by_role("link", name="Request access").first.click()
    expect(page.get_by_role("main")).to_contain_text("team")
    expect(page.get_by_role("main").get_by_role("link", name="Bring your team")).to_be_visible()


def _two_columns_stream(page: Page) -> None:
    page.goto("/playground/?m=smollm2&m=smollm2-batch")
    _ask(page, "smollm2", "smollm2-batch")
    for route in ("smollm2", "smollm2-batch"):
        answer = page.get_by_role("article", name=re.compile(rf"^Answer of {route}$")).last
        expect(answer).to_contain_text("tok/s", timeout=60_000)
    expect(page.locator("[data-running]")).to_have_count(0, timeout=60_000)


def _ask(page: Page, *routes: str) -> None:
    """Send a prompt; the answers are kept short, since a small model may go on for ever."""
    for route in routes:
        page.get_by_role("button", name=f"Settings of {route}", exact=True).click()
        page.get_by_role("dialog").get_by_label("Longest answer").fill("24")
        page.get_by_role("dialog").get_by_role("button", name="Done").click()
        expect(page.get_by_role("dialog")).to_be_hidden()  # it closes once the setting is found to be acceptable
    page.get_by_label("Prompt for all columns").fill("Name a colour.")
    page.keyboard.press("Control+Enter")


def _a_third_model_is_asked_for(page: Page) -> int:
    page.goto(f"/playground/?m=smollm2-customer&environment={AS_A_TEAM}")
    href = page.get_by_role("main").get_by_role("link", name="Request access").first.get_attribute("href")
    assert href is not None
    page.goto(href)
    page.get_by_label(re.compile("What is it for|What for|Purpose")).fill(PURPOSE)
    page.get_by_role("button", name="Send the request").click()
    expect(page.get_by_text(re.compile(r"Your request is sent as R-\d+"))).to_be_visible()
    return int(page.url.rstrip("/").rsplit("/", 1)[1])


def _secret_of(page: Page) -> str:
    page.goto(f"/tenants/retail-banking/keys/issue/?environment={AS_A_TEAM}")
    page.get_by_role("textbox", name="Name").fill("first key")
    page.get_by_role("button", name=re.compile("^Issue")).click()
    secret = page.get_by_role("region", name="The key").inner_text().strip()
    assert secret.startswith("atrium_dev_")
    page.reload()
    assert secret not in page.content()
    return secret


def _say_hello(client: OpenAI, route: str) -> str:
    """Call `route` as any program would, streaming; the request id."""
    asked = [{"role": "user", "content": "Say hello."}]
    with client.chat.completions.with_raw_response.create(
        model=route, messages=asked, max_tokens=12, stream=True, stream_options={"include_usage": True}
    ).parse() as stream:  # type: ignore[call-overload]
        chunks = list(stream)
        number: str = stream.response.headers["x-request-id"]
    assert any(chunk.choices and chunk.choices[0].delta.content for chunk in chunks)
    assert chunks[-1].usage.completion_tokens > 0
    return number


def _the_board_approves(page: Page, number: int) -> None:
    page.goto("/board/")
    page.get_by_role("main").get_by_role("link", name=re.compile(rf"R-{number}\b|smollm2-customer")).first.click()
    expect(page.get_by_text(PURPOSE)).to_be_visible()
    page.get_by_label("Comment", exact=True).first.fill("Invented questions, inside the house. Fine.")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_text(f"You approved R-{number}.")).to_be_visible()


def _the_third_model_answers(page: Page) -> None:
    page.goto("/")
    page.get_by_role("button", name=re.compile("Notifications, 1 unread")).click()
    page.get_by_role("link", name=re.compile("^(New )?Approved")).first.click()
    page.goto(f"/playground/?m=smollm2-customer&environment={AS_A_TEAM}")
    _ask(page, "smollm2-customer")
    answer = page.get_by_role("article", name="Answer of smollm2-customer")
    expect(answer).to_contain_text("tok/s", timeout=60_000)
    expect(page.locator("[data-running]")).to_have_count(0, timeout=60_000)


def _the_call_is_in_usage_within_two_seconds(page: Page, request_id: str) -> None:
    deadline = time.monotonic() + 2
    while page.goto(f"/usage/calls/?request={request_id}") and time.monotonic() < deadline:
        if page.locator("main tbody tr").count():
            break
    expect(page.locator("main tbody tr")).to_have_count(1)
    expect(page.locator("main tbody tr")).to_contain_text("$")


def _finops_exports_it(page: Page, request_id: str) -> None:
    page.goto("/usage/calls/")
    with page.expect_download() as taken:
        page.get_by_role("link", name=re.compile("CSV")).first.click()
    lines = list(csv.DictReader(io.StringIO(taken.value.path().read_text("utf-8-sig"))))
    [line] = [line for line in lines if request_id in line.values()]
    assert line["route"] == "smollm2-customer" and float(line["cost"]) > 0


def _the_auditor_finds_all_of_it(page: Page, number: int) -> None:
    wanted = {
        "request.submitted": f"R-{number}",
        "vote.cast": f"R-{number}",
        "request.approved": f"R-{number}",
        "grant.given": "smollm2-customer",
        "key.issued": "first key",
        "export.taken": "CSV of calls",
        "person.signed_in&who=finops": "Finn Okafor",
    }
    for verb, told in wanted.items():
        page.goto(f"/platform/audit/?verb={verb}")
        expect(page.locator("main tbody tr").first, verb).to_contain_text(told)


def _one_changed_byte_is_found(whole: Installation) -> None:
    passed = whole.run("audit", "verify", timeout_s=120)
    assert passed.returncode == 0, passed.stdout + passed.stderr
    done = whole.run("shell", "-c", ONE_BYTE)
    changed = re.search(r"changed (\S+) (\d+)", done.stdout)
    assert changed is not None, done.stdout + done.stderr
    failed = whole.run("audit", "verify", timeout_s=120)
    assert failed.returncode != 0
    assert changed[1] in failed.stdout + failed.stderr
    assert re.search(rf"\b{changed[2]}\b", failed.stdout + failed.stderr)


@pytest.mark.parametrize("account", sorted({page.account or "" for page in PAGES}))
def test_every_page_is_accessible_and_fits_in_light_dark_and_on_a_phone(
    whole: Installation, browser: Browser, account: str
) -> None:
    address = f"http://127.0.0.1:{whole.port}"
    watch = Watch(own=(f"{address}/",), expected_statuses={403, 404})
    context = browser.new_context(base_url=address, reduced_motion="reduce")
    context.set_default_timeout(PATIENCE_WITH_A_MODEL_MS)
    context.on("page", watch.over)
    page = context.new_page()
    if account:
        page.goto("/accounts/login/")
        page.get_by_label("User name or e-mail").fill(account)
        page.get_by_label("Password").fill("atrium-demo")
        page.keyboard.press("Enter")
        page.wait_for_selector("body[data-user]")
    its = [named for named in PAGES if (named.account or "") == account]
    found = [
        f"{named.name} ({look}): {problem}"
        for named in its
        for look, problem in _looked_at(page, watch, named, is_first=named is its[0])
    ]
    context.close()
    assert not found + watch.problems, "\n".join(found + watch.problems)


def _looked_at(page: Page, watch: Watch, named: NamedPage, *, is_first: bool) -> Iterator[tuple[str, str]]:
    at_a_desk(page)
    page.goto(named.path)
    for selector in named.then:
        page.locator(selector).first.click()
        watch.has_moved()
    if named.then:  # what was pressed may lead to another page, into which axe is loaded
        watch.until_quiet(page)
    load(page)
    watch.until_quiet(page)
    yield from problems(page, is_first=is_first)
