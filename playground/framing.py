"""How a page is told what changes: partials for htmx, and events that carry them (WHATWG HTML, section 9.2)."""

from __future__ import annotations

PING = b": still here\n\n"  # a comment: keeps proxies from giving up on a silent stream


def message(html: str, *, event: str = "") -> bytes:
    """One event whose data is `html`."""
    lines = html.replace("\r", "").split("\n")
    name = f"event: {event}\n" if event else ""
    return (name + "".join(f"data: {line}\n" for line in lines) + "\n").encode()


def partial(target: str, html: str, swap: str = "innerHTML") -> str:
    """What htmx puts into the element `#target`."""
    return f'<hx-partial hx-target="#{target}" hx-swap="{swap}">{html}</hx-partial>'
