"""The filters and tags every template has without loading them: figures, states, attributes, addresses."""

import json
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from django import template
from django.template.context import Context
from django.utils import timezone
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString, mark_safe

from ui import browsers, difference, drawing, formatting, forms, markdown
from ui.states import State
from ui.states import state as state_of

register = template.Library()

PLACES = {"page", "cursor", "before", "after", "format"}  # where one is in a list; a changed filter begins it again

register.filter("money", formatting.money)
register.filter("exact_money", formatting.exact_money)
register.filter("tokens", formatting.tokens)
register.filter("exact_count", formatting.exact_count)
register.filter("growth", formatting.growth)
register.filter("signed_growth", formatting.signed_growth)
register.filter("duration", formatting.duration)
register.filter("duration_ms", formatting.duration_ms)
register.filter("percent", formatting.percent)
register.filter("points", formatting.points)
register.filter("byte_size", formatting.byte_size)
register.filter("sparkline_points", drawing.sparkline_points)
register.filter("diff_lines", difference.diff_lines)
register.filter("plain_value", formatting.plain_value)
register.filter("browser_words", browsers.browser_words)
register.filter("control", forms.control)
register.filter("control_kind", forms.control_kind)


@register.filter
def state(code: str) -> State:
    """The row of the table of states: `{% with s=request.state|state %}{{ s.word }}`."""
    return state_of(code)


@register.filter
def markdown_html(text: str) -> SafeString:
    """Markdown as safe HTML (`ui.markdown`)."""
    return mark_safe(markdown.render(str(text or "")))  # noqa: S308  (nh3 let only known tags through)


@register.filter
def iso(value: datetime | date | str | None) -> str:
    """The moment as ISO 8601 in UTC, for `datetime` attributes."""
    moment = formatting.as_moment(value)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else ""


@register.filter
def exact_time(value: datetime | date | str | None) -> str:
    """`24 Nov 2026, 03:57:12 UTC`; the browser rewrites it in the viewer's own zone."""
    moment = formatting.as_moment(value)
    return f"{moment:%d %b %Y, %H:%M:%S} UTC".lstrip("0") if moment else formatting.NOTHING


@register.filter
def relative_time(value: datetime | date | str | None) -> str:
    """`3 hours ago`; from 30 days on the date."""
    moment = formatting.as_moment(value)
    return formatting.relative_time(moment, timezone.now()) if moment else formatting.NOTHING


@register.filter
def initials(name: Any) -> str:
    """`AL` of `Ada Lovelace`, one letter of one word."""
    words = str(name or "?").replace("-", " ").replace("_", " ").split() or ["?"]
    return (words[0][0] + (words[-1][0] if len(words) > 1 else "")).upper()


@register.filter
def tint(name: Any) -> int:
    """A number from 1 to 6 that is always the same for the same name: which avatar colour it has."""
    return sum(str(name).encode()) % 6 + 1


@register.filter
def unlocalized(value: Any) -> str:
    """A number as HTML attributes want it: `1234.5`, zero for nothing."""
    return f"{formatting.as_decimal(value) or 0:f}"


@register.filter
def share_tone(used: Any, limit: Any) -> str:
    """`accent` below 80 % of the limit, `warn` from there, `bad` from the limit on."""
    part, whole = formatting.as_decimal(used) or 0, formatting.as_decimal(limit) or 0
    if whole <= 0 or part >= whole:
        return "bad" if part or whole else "accent"
    return "warn" if part * 5 >= whole * 4 else "accent"


@register.filter
def html_attrs(attrs: Any) -> SafeString:
    """The attributes a component was given beyond its parameters, each escaped unless it was rendered already.

    Cotton's own `{{ attrs }}` trusts values bound with `:name=`; this does not.
    """
    excluded: set[str] = getattr(attrs, "_exclude_from_str", set())
    parts = []
    for name, value in attrs.items():
        if name in excluded or value is False or value is None:
            continue
        parts.append(str(name) if value is True else f'{name}="{conditional_escape(value)}"')
    return mark_safe(" ".join(parts))  # noqa: S308  (each value was escaped above)


@register.filter
def json_script_body(value: Any) -> SafeString:
    """The value as JSON that is safe between `<script type="application/json">` and its end."""
    text = json.dumps(value, default=str, separators=(",", ":"))
    return mark_safe(text.replace("<", "\\u003C").replace(">", "\\u003E").replace("&", "\\u0026"))  # noqa: S308  (cannot close the script)


@register.filter
def as_list(value: Any) -> Sequence[Any]:
    """A list as it is, words separated by commas split, nothing as no items."""
    if not value:
        return []
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


@register.simple_tag(takes_context=True)
def other_parameters(context: Context, *names: str) -> list[tuple[str, str]]:
    """The parameters of this page's address but `names` (each may be words separated by commas) and the paging."""
    request = context.get("request")
    left = {part for name in names for part in as_list(name)} | PLACES
    kept = request.GET.lists() if request is not None else []
    return [(name, str(value)) for name, values in kept if name not in left for value in values if value]


@register.simple_tag(takes_context=True)
def address_with(context: Context, **changes: Any) -> str:
    """This page's address with these query parameters set; None or an empty value takes one away.

    A changed filter begins at the first page again: what names a place in the list goes unless it is given.
    """
    request = context.get("request")
    query = request.GET.copy() if request is not None else None
    path = request.path if request is not None else ""
    if query is None:
        return path
    for place in PLACES:
        query.pop(place, None)
    for name, value in changes.items():
        query.pop(name, None)
        if value not in (None, ""):
            query.setlist(
                name,
                [str(v) for v in value] if isinstance(value, list | tuple) else [str(value)],
            )
    encoded = query.urlencode()
    return f"{path}?{encoded}" if encoded else path
