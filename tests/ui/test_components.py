"""Components as a page gets them: what they say, and that nothing given to them breaks out of its place."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from django import forms
from django.core.paginator import Paginator
from django.template import engines
from django.test import RequestFactory
from django_cotton.compiler_regex import CottonCompiler

from ui.charting import Chart, Series
from ui.difference import diff_lines, fact_changes
from ui.states import STATES, TONES, state

ROOT = Path(__file__).resolve().parent.parent.parent
EVIL = "\"><script>alert(1)</script><b x='"


def render(template: str, path: str = "/list/", **context: object) -> str:
    source = CottonCompiler().process(template)
    return engines["django"].from_string(source).render(context, RequestFactory().get(path))


def text(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)).strip()


def test_a_state_has_its_word_icon_and_tone_from_the_table():
    html = render('<c-state code="approved" />')
    assert text(html) == "Approved"
    assert "at-tone-good" in html
    assert "#circle-check" in html


def test_an_unknown_state_is_shown_by_its_own_words():
    assert state("waiting_for_rain").word == "Waiting for rain"


def test_every_state_has_an_icon_of_the_sprite_and_a_known_tone():
    sprite = (ROOT / "static/vendor/icons.svg").read_text()
    for code, row in STATES.items():
        assert f'id="{row.icon}"' in sprite, f"{code}: no icon {row.icon}"
        assert row.tone in TONES


def test_every_icon_named_in_a_template_or_in_code_is_in_the_sprite():
    known = set(re.findall(r'<symbol id="([^"]+)"', (ROOT / "static/vendor/icons.svg").read_text()))
    for template in (ROOT / "templates").rglob("*.html"):
        for name in re.findall(r'<c-icon name="([a-z0-9-]+)"|\bicon="([a-z0-9-]+)"', template.read_text()):
            icon = name[0] or name[1]
            assert icon in known, f"{template.relative_to(ROOT)} names the icon {icon}"


def test_a_component_escapes_what_it_is_given_in_every_way():
    for html in (
        render('<c-button title="{{ evil }}">{{ evil }}</c-button>', evil=EVIL),
        render('<c-button :title="evil" :href="evil" :label="evil">x</c-button>', evil=EVIL),
        render('<c-copy-id :value="evil" :shown="evil" />', evil=EVIL),
        render('<c-badge :tone="evil" :data-x="evil">{{ evil }}</c-badge>', evil=EVIL),
        render('<c-code :text="evil" :title="evil" />', evil=EVIL),
        render('<c-diff :before="evil" :after="other" />', evil=EVIL, other="b" + EVIL),
        render('<c-stat :label="evil" :value="evil" />', evil=EVIL),
        render('<c-chart :chart="chart" :title="evil" />', evil=EVIL, chart=Chart("line", [EVIL], [Series(EVIL, [1])])),
    ):
        assert "<script>alert" not in html
        assert "<b x=" not in html


def test_a_component_does_not_see_the_variables_of_the_page():
    assert "page title" not in render("<c-card>body</c-card>", title="page title", actions="page actions")


def test_a_button_with_an_address_is_a_link_and_a_disabled_one_is_no_link():
    assert render('<c-button href="/a/">Go</c-button>').startswith("<a ")
    disabled = render('<c-button href="/a/" :disabled="True">Go</c-button>')
    assert disabled.startswith("<button")
    assert "disabled" in disabled


def test_money_and_tokens_keep_the_exact_figure_on_hover():
    html = render('<c-money :value="value" per="1M tokens" />', value=Decimal("0.000421875"))
    assert text(html) == "$0.000422 / 1M tokens"
    assert 'title="0.000421875 USD"' in html
    assert 'title="12,431"' in render('<c-tokens :value="12431" />')


def test_a_time_carries_its_machine_form_and_says_when_there_is_none():
    html = render('<c-time :at="at" style="exact" />', at=datetime(2026, 11, 24, 3, 57, 12, tzinfo=UTC))
    assert 'datetime="2026-11-24T03:57:12Z"' in html
    assert text(html) == "24 Nov 2026, 03:57:12 UTC"
    assert text(render('<c-time :at="at" empty="never used" />', at=None)) == "never used"


class KeyForm(forms.Form):
    name = forms.CharField(label="Key name", help_text="So that others know.")
    note = forms.CharField(required=False)
    agreed = forms.BooleanField(label="I agree")
    tier = forms.ChoiceField(widget=forms.RadioSelect, choices=[("a", "A"), ("b", "B")])


def test_a_field_ties_label_help_and_error_to_its_control():
    form = KeyForm({"note": "kept"})
    html = render('<c-field :field="form.name" />', form=form)
    assert '<label class="form-label" for="id_name">Key name</label>' in html
    assert 'id="id_name_helptext"' in html
    assert 'id="id_name_error"' in html
    described = re.search(r'aria-describedby="([^"]+)"', html)
    assert described
    assert set(described[1].split()) == {"id_name_helptext", "id_name_error"}
    assert 'aria-invalid="true"' in html


def test_an_optional_field_says_so_and_keeps_what_was_typed():
    html = render('<c-field :field="form.note" />', form=KeyForm({"note": "kept"}))
    assert "(optional)" in html
    assert 'value="kept"' in html


def test_a_group_of_choices_is_a_fieldset_with_a_legend():
    html = render('<c-field :field="form.tier" />', form=KeyForm())
    assert html.startswith("<fieldset")
    assert "<legend>Tier</legend>" in html


def test_the_summary_of_errors_links_to_the_fields_and_is_absent_when_all_is_well():
    html = render('<c-errors :form="form" />', form=KeyForm({}))
    assert '<a href="#id_name">Key name: This field is required.</a>' in html
    assert render('<c-errors :form="form" />', form=KeyForm()) == ""


def test_the_pager_keeps_the_filters_in_the_address():
    page = Paginator(range(120), 50).page(2)
    html = render('<c-pager :page="page" noun="keys" />', "/keys/?q=a&page=2", page=page)
    assert "51–100 of 120 keys" in html
    assert 'href="/keys/?q=a&amp;page=1"' in html
    assert 'href="/keys/?q=a&amp;page=3"' in html


def test_a_changed_filter_begins_at_the_first_page_and_an_empty_one_is_taken_away():
    template = '{% address_with provider="x y" q="" %}'
    assert render(template, "/keys/?q=a&page=2&tag=1&tag=2") == "/keys/?tag=1&amp;tag=2&amp;provider=x+y"


@pytest.mark.parametrize(
    ("sort", "expected", "href"),
    [("name", "ascending", "sort=-name"), ("-name", "descending", "sort=name"), ("price", None, "sort=name")],
)
def test_a_column_head_says_how_it_is_sorted_and_turns_it_round(sort, expected, href):
    html = render('<c-th sort="name" :current="sort">Name</c-th>', sort=sort)
    assert (f'aria-sort="{expected}"' in html) is bool(expected)
    assert href in html


def test_a_chart_has_the_same_figures_in_the_table_behind():
    chart = Chart("bar", ["2026-11-01", "2026-11-02"], [Series("smollm2", [Decimal("1.5"), None])], "money")
    html = render('<c-chart :chart="chart" title="Spend" />', chart=chart)
    assert '"values":[1.5,null]' in html
    assert "$1.50" in html
    assert "—" in html
    assert "style=" not in html


def test_a_meter_warns_from_four_fifths_and_is_bad_from_the_limit():
    tones = [render('<c-meter :value="v" :total="10" />', v=v) for v in (7, 8, 10)]
    assert ["accent" in tones[0], "warn" in tones[1], "bad" in tones[2]] == [True, True, True]


def test_a_diff_marks_lines_with_signs_as_well_as_colours():
    html = render('<c-diff :before="a" :after="b" />', a="one\ntwo", b="one\nthree")
    assert text(html).endswith("1 1 one 2 − removed two 2 + added three")


def test_a_line_that_replaces_another_marks_the_words_that_changed():
    html = render('<c-diff :before="a" :after="b" />', a="It may be used freely.", b="It must not be used freely.")
    assert "It <del>may</del> be used freely." in html
    assert "It <ins>must not</ins> be used freely." in html


@pytest.mark.parametrize("count", [1, 100, 450, 4_000, 20_000])
def test_a_diff_of_whatever_length_tells_every_line_once(count):
    """Every second line is empty in both: what is everywhere alike takes longest to compare."""
    before, after = (
        ["first", *(line for n in range(count) for line in (f"{word} number {n}", "")), "last"]
        for word in ("old", "new")
    )
    lines = diff_lines("\n".join(before), "\n".join(after))
    assert [each.text for each in lines if each.kind != "added"] == before
    assert [each.text for each in lines if each.kind != "removed"] == after
    assert [lines[0].kind, lines[-1].kind] == ["same", "same"]
    assert any(each.pieces for each in lines), "the first of them are compared by words"


def test_one_line_of_a_long_text_that_changes_is_the_only_one_told():
    before = [f"line {number % 7}" for number in range(9_000)]
    after = [*before[:5_000], "another", *before[5_001:]]
    told = [each for each in diff_lines("\n".join(before), "\n".join(after)) if each.kind != "same"]
    assert [(each.kind, each.text, each.before or each.after) for each in told] == [
        ("removed", before[5_000], 5_001), ("added", "another", 5_001)
    ]  # fmt: skip


def test_facts_that_changed_are_told_with_both_values():
    changes = fact_changes({"a": 1, "b": ["x"], "c": "same"}, {"b": ["x", "y"], "c": "same", "d": True}, {"b": "Tags"})
    assert [(each.name, each.before, each.after) for each in changes] == [
        ("Tags", ["x"], ["x", "y"]), ("d", None, True), ("a", 1, None)
    ]  # fmt: skip
    html = text(render('<c-fact-changes :changes="changes" />', changes=changes))
    assert "Tags x x, y" in html and "d not stated yes" in html and "a 1 not stated" in html


def test_an_empty_list_teaches():
    html = render(
        '<c-empty title="No keys yet" icon="key">A key calls models.'
        '<c-slot name="actions"><c-button>Issue a key</c-button></c-slot></c-empty>'
    )
    assert text(html) == "No keys yet A key calls models. Issue a key"


def test_no_bound_attribute_holds_an_expression():
    """Cotton takes a bound attribute for a variable or a literal; a comparison would silently be nothing."""
    wrong = [
        f"{path.relative_to(ROOT)}: {found}"
        for path in (ROOT / "templates").rglob("*.html")
        for found in re.findall(
            r"""<c-[^>]*?(:[a-z_]+="[^"{]*(?: == | != | > | < | and | or | not )[^"]*")""", path.read_text()
        )
    ]
    assert not wrong


def test_the_tab_that_is_shown_is_marked():
    html = render('<c-tabs><c-tab href="/a" on="{% if tab == \'a\' %}yes{% endif %}">A</c-tab>'
                  '<c-tab href="/b" on="{% if tab == \'b\' %}yes{% endif %}">B</c-tab></c-tabs>', tab="b")  # fmt: skip
    assert re.findall(r'href="([^"]+)" aria-current="page"', html) == ["/b"]
