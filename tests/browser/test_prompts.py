"""How prompts reach a model is seen on its page, set on its deployment's, and known in the playground beforehand."""

from __future__ import annotations

from access.models import Grant
from catalog.prompting.profile import Prompting
from catalog.prompting.setting import set_prompting
from tests.browser.axe import assert_accessible
from tests.browser.looks import at_a_desk, problems, sideways
from tests.cast import route


def test_its_pages_are_accessible_and_fit(cast, visit):
    deployment = route().targets.get().deployment
    set_prompting(deployment=deployment, prompting=Prompting(template="llama-3"), by=cast.pat)
    for path in ("/catalog/models/echo-model/?tab=prompts", f"/platform/deployments/{deployment.pk}/prompts/"):
        page = visit(path, cast.pat)
        at_a_desk(page)
        page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
        assert sideways(page) == "", path
        assert list(problems(page, is_first=path.startswith("/catalog/"))) == [], path


def test_it_is_set_and_seen(cast, visit):
    deployment = route().targets.get().deployment
    page = visit(f"/platform/deployments/{deployment.pk}/", cast.pat, expect={422})
    page.get_by_role("link", name="Change how prompts are put").click()
    page.get_by_label("Chat template", exact=False).first.select_option("own")
    page.get_by_label("Its own chat template").fill("{% for m in messages %}\n{{ m.content")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Line 2 of it").first.wait_for()
    page.get_by_label("Its own chat template").fill("{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("How prompts reach this model").wait_for()
    assert page.get_by_text("<system>Answer in one sentence.<user>What is the capital of Kenya?").is_visible()


def test_the_playground_tells_it_beforehand_and_shows_what_is_sent(cast, visit):
    made = route()
    set_prompting(deployment=made.targets.get().deployment, prompting=Prompting(system="none"), by=cast.pat)
    environment = cast.environment()
    Grant.objects.create(tenant=environment.tenant, environment=environment, route=made)
    page = visit("/playground/?m=echo-model&prompt=Which+city%3F", cast.dev)
    page.get_by_role("button", name="Settings of echo-model").click()
    page.get_by_label("System prompt").fill("Be brief.")
    page.get_by_role("button", name="Done").click()
    page.get_by_text("What you write reaches this model another way").wait_for()
    page.get_by_role("button", name="As sent").click()
    page.get_by_text("Be brief.\\n\\nWhich city?").wait_for()
    assert_accessible(page)
