"""How the controls of Django's forms look: every widget gets Tabler's class and its ties to help and error."""

from django.forms import BoundField, Widget, widgets

GROUPS = (widgets.RadioSelect, widgets.CheckboxSelectMultiple)


def control_kind(field: BoundField | None) -> str:
    """`group` (several controls under one legend), `check` (one box beside its label) or `plain`."""
    widget = field.field.widget if field else None
    if isinstance(widget, GROUPS):
        return "group"
    return "check" if isinstance(widget, widgets.CheckboxInput) else "plain"


def control_class(widget: Widget) -> str:
    """Tabler's class for a widget; a group's own element carries ours."""
    if isinstance(widget, GROUPS):
        return "at-choices"
    if isinstance(widget, widgets.CheckboxInput):
        return "form-check-input"
    return "form-select" if isinstance(widget, widgets.Select) else "form-control"


def control(field: BoundField, label: str = "") -> str:
    """The control as HTML. Django ties help and error to it by id; the class is ours.

    A placeholder that only repeats the label is left out: the label stands above it already.
    """
    widget = field.field.widget
    own = widget.attrs.get("class", "")
    attrs: dict[str, str | bool] = {"class": f"{control_class(widget)} {own}".strip()}
    if isinstance(widget, widgets.Textarea) and widget.attrs.get("rows") == "10":  # Django's default
        attrs["rows"] = "4"
    if _letters(str(widget.attrs.get("placeholder", ""))) in {_letters(label), _letters(str(field.label))}:
        attrs["placeholder"] = ""
    return field.as_widget(attrs=attrs)


def _letters(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())
