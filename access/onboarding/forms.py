"""The forms of the wizard's pages. Each turns what was sent into plain values (`answer`), and back (`sent`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from django import forms

from approvals.submit import MAX_REASON
from catalog.models import Route
from tenants.invite import AddressNotUnderstood, clean_address
from tenants.models import Environment, User, slug_form
from tenants.names import all_seen
from tenants.risk.tiers import USE_CASE, rules
from tenants.roles import TENANT_ROLES
from tenants.structure import SlugTaken, refuse_taken

type Answers = Mapping[str, Mapping[str, Any]]

ROWS = 8  # people that one page takes
SHOWN_UNSEARCHED = 40


class Page(forms.Form):
    """A page of the wizard. `answers` are those of every page, for a form that follows from an earlier one."""

    def __init__(self, *args: Any, answers: Answers, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.answers = answers

    @property
    def answer(self) -> dict[str, Any]:
        """What is kept of a valid form: plain values that JSON holds."""
        return dict(self.cleaned_data)

    @classmethod
    def sent(cls, answer: Mapping[str, Any]) -> dict[str, Any]:
        """`answer` in the names of the form's controls: to show it again, or to check what a program sends."""
        return dict(answer)


def _short_name(label: str, text: str) -> forms.CharField:
    return forms.CharField(label=label, max_length=40, help_text=text, validators=[slug_form])


class TeamForm(Page):
    """Who wants to become a tenant."""

    name = forms.CharField(label="Name of the team", max_length=120, validators=[all_seen])
    slug = _short_name("Short name", "For addresses and the command line: lower-case letters, digits and hyphens.")
    line_of_business = forms.CharField(label="Line of business", max_length=80, help_text="As in “Retail banking”.")
    cost_centre = forms.CharField(label="Cost centre", max_length=40, help_text="Who pays for what the team uses.")
    sponsor = forms.CharField(
        label="Sponsor", max_length=120, help_text="Who answers for the money: a name or an e-mail address."
    )

    def clean_slug(self) -> str:
        """The short name, seen to be free."""
        slug: str = self.cleaned_data["slug"]
        try:
            refuse_taken(slug)
        except SlugTaken as taken:
            raise forms.ValidationError(taken.sentence) from taken
        return slug


QUESTIONS = rules().questions[USE_CASE]
AFFECTED, AUTONOMY, REGIONS = (QUESTIONS[key].answers for key in ("affected", "autonomy", "region"))
PRACTICES = QUESTIONS["practices"].answers


def _one_of(label: str, choices: Mapping[str, str], text: str = "") -> forms.ChoiceField:
    return forms.ChoiceField(
        label=label, choices=list(choices.items()), widget=forms.RadioSelect, help_text=text,
        error_messages={"required": "Choose one."},
    )  # fmt: skip


def _asked(key: str) -> forms.ChoiceField:
    question = QUESTIONS[key]
    return _one_of(question.asks, question.answers, question.help)


class UseCaseForm(Page):
    """The first project: what it is for. From this page follows the risk tier."""

    project_name = forms.CharField(
        label="Name of the use case", max_length=120, help_text="It becomes a project.", validators=[all_seen]
    )
    project_slug = _short_name("Its short name", "As in “contract-search”.")
    purpose = forms.CharField(
        label="What is it for?", max_length=MAX_REASON, widget=forms.Textarea(attrs={"rows": 5}),
        help_text="Who uses it for what. The people who decide read this first.",
        error_messages={"required": "Say what it is for: the people who decide read this first."},
    )  # fmt: skip
    data_classes = forms.MultipleChoiceField(
        label="Which data will be sent to models?", choices=list(QUESTIONS["data_classes"].answers.items()),
        widget=forms.CheckboxSelectMultiple, error_messages={"required": "Tick every class of data that is sent."},
    )  # fmt: skip
    affected = _asked("affected")
    users = forms.IntegerField(label="About how many people will use it?", min_value=1, max_value=1_000_000_000)
    about_people = _asked("about_people")
    autonomy = _asked("autonomy")
    region = _asked("region")
    practices = forms.MultipleChoiceField(
        label=QUESTIONS["practices"].asks, choices=list(QUESTIONS["practices"].answers.items()), required=False,
        widget=forms.CheckboxSelectMultiple, help_text=QUESTIONS["practices"].help,
    )  # fmt: skip


class PeopleForm(Page):
    """Who works on it besides the person who asks, who becomes the owner: an account or an address, and a role."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        roles = [(role.slug, role.name) for role in TENANT_ROLES.values()]
        for number in range(1, ROWS + 1):
            self.fields[f"person_{number}"] = forms.CharField(label=f"Person {number}", max_length=254, required=False)
            self.fields[f"role_{number}"] = forms.ChoiceField(
                label=f"Role of person {number}", choices=roles, initial="developer", required=False
            )

    @property
    def rows(self) -> list[tuple[forms.BoundField, forms.BoundField]]:
        """The controls in pairs, for the page."""
        return [(self[f"person_{number}"], self[f"role_{number}"]) for number in range(1, ROWS + 1)]

    def clean(self) -> dict[str, Any]:
        """Every person once, with an account or an address at which they can be invited."""
        seen: set[str] = set()
        for number in range(1, ROWS + 1):
            name = str(self.cleaned_data.get(f"person_{number}", "")).strip()
            if not name:
                continue
            if name.casefold() in seen:
                self.add_error(f"person_{number}", f"“{name}” is there twice.")
            seen.add(name.casefold())
            if why := _not_reachable(name):
                self.add_error(f"person_{number}", why)
        return self.cleaned_data

    @property
    def answer(self) -> dict[str, Any]:
        rows = [(self.cleaned_data[f"person_{n}"].strip(), self.cleaned_data[f"role_{n}"]) for n in range(1, ROWS + 1)]
        return {"people": [{"person": person, "role": role or "developer"} for person, role in rows if person]}

    @classmethod
    def sent(cls, answer: Mapping[str, Any]) -> dict[str, Any]:
        """One pair of controls for each person. More than fit are kept out by the form's own limit. Raises
        `ValueError` where something else is told of a person: a word misspelt would leave them out unseen."""
        controls: dict[str, Any] = {name: value for name, value in answer.items() if name != "people"}
        for number, row in enumerate(answer.get("people", ()), start=1):
            if not {"person", "role"}.issuperset(row):
                raise ValueError(row)
            controls |= {f"person_{number}": row.get("person", ""), f"role_{number}": row.get("role", "developer")}
        return controls


def _not_reachable(name: str) -> str:
    """Why `name` leads to nobody: it is neither a user name nor an address to which an invitation can be sent."""
    if User.objects.filter(username=name, is_active=True).exists():
        return ""
    if "@" not in name:
        return f"Nobody has the user name “{name}”. Use an e-mail address for who has no account yet."
    try:
        clean_address(name)
    except AddressNotUnderstood as refusal:
        return refusal.sentence
    return ""


class ModelsForm(Page):
    """The routes it should be able to call, and in which environments."""

    routes = forms.MultipleChoiceField(
        label="Models", widget=forms.CheckboxSelectMultiple, required=False,
        error_messages={"invalid_choice": "“%(value)s” cannot be asked for. Choose one of the list."},
    )  # fmt: skip
    environments = forms.MultipleChoiceField(
        label="In which environments?", choices=Environment.Kind.choices, widget=forms.CheckboxSelectMultiple,
        initial=Environment.Kind.values, required=False,
        help_text="Each has keys and grants of its own. More can be asked for later, one by one.",
    )  # fmt: skip
    tools = forms.CharField(
        label="Tools and agents", max_length=1000, required=False, widget=forms.Textarea(attrs={"rows": 3}),
        help_text="In your own words: which systems it should read from or act in.",
    )  # fmt: skip

    def __init__(self, *args: Any, text: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen = self.data.getlist("routes") if hasattr(self.data, "getlist") else self.data.get("routes", ())
        kept = {*chosen, *self.initial.get("routes", ()), *self.answers.get("models", {}).get("routes", ())}
        rows = list(Route.objects.filter(is_enabled=True).select_related("model").order_by("slug"))
        words = text.casefold().split()
        fits = [r for r in rows if all(word in f"{r.slug} {r.model.name}".casefold() for word in words)]
        shown = {route.slug for route in fits[:SHOWN_UNSEARCHED]} | kept
        choices = [(route.slug, _named(route)) for route in rows if route.slug in shown]
        cast("forms.MultipleChoiceField", self.fields["routes"]).choices = choices
        self.left_out = len(rows) - len(choices)

    def clean(self) -> dict[str, Any]:
        """Models without an environment, or the other way round, are half an answer."""
        if self.cleaned_data.get("routes") and not self.cleaned_data.get("environments"):
            self.add_error("environments", "Choose at least one environment in which the models are called.")
        return self.cleaned_data


def _named(route: Route) -> str:
    return route.slug if route.model.name == route.slug else f"{route.model.name} ({route.slug})"


class VolumeForm(Page):
    """Calls a day of each model that was chosen, and how long a call is."""

    input_tokens = forms.IntegerField(
        label="Tokens in a question", min_value=1, max_value=10_000_000, initial=1000,
        help_text="Everything that is sent. A page of text is about 500.",
    )  # fmt: skip
    output_tokens = forms.IntegerField(label="Tokens in an answer", min_value=1, max_value=1_000_000, initial=300)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = list(self.fields)
        self.routes: list[str] = list(self.answers.get("models", {}).get("routes", ()))
        for slug in self.routes:
            self.fields[f"calls:{slug}"] = forms.IntegerField(
                label=f"Calls of {slug} a day", min_value=0, max_value=1_000_000_000,
                help_text="A rough figure is enough.",
            )  # fmt: skip
        self.order_fields([*(name for name in self.fields if name not in own), *own])

    @property
    def answer(self) -> dict[str, Any]:
        given = self.cleaned_data
        calls = {slug: given[f"calls:{slug}"] for slug in self.routes}
        return {"calls_per_day": calls, **{name: given[name] for name in ("input_tokens", "output_tokens")}}

    @classmethod
    def sent(cls, answer: Mapping[str, Any]) -> dict[str, Any]:
        """One control for each route."""
        calls = answer.get("calls_per_day", {})
        rest = {name: value for name, value in answer.items() if name != "calls_per_day"}
        return {f"calls:{slug}": count for slug, count in calls.items()} | rest


LEVELS = {
    "shared": "Shared: the same processes and database as others, held apart twice in code and database",
    "dedicated-data": "Dedicated data: a database of its own",
    "dedicated": "Dedicated everything: an installation of its own",
}


class IsolationForm(Page):
    """How far the tenant is kept apart."""

    level = _one_of("How should it be kept apart?", LEVELS, "What goes beyond shared is set up by the platform team.")
    reason = forms.CharField(
        label="Why is shared not enough?", max_length=1000, required=False,
        widget=forms.Textarea(attrs={"rows": 3}), help_text="Only where you choose more than shared.",
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        """More than shared needs a reason."""
        if self.cleaned_data.get("level") in ("dedicated-data", "dedicated") and not self.cleaned_data.get("reason"):
            self.add_error("reason", "Say why: it costs more and takes longer.")
        return self.cleaned_data


TERMS_VERSION = "2026-11"
TERMS = (
    "We send to a model only the classes of data that we named, and ask again before we send others.",
    "A person answers for what comes out before it reaches anybody outside.",
    "We tell people when they read or talk to a machine.",
    "Keys stay in secret stores, are never shared between teams, and a leaked one is revoked at once.",
    "What is called is metered and charged to the cost centre that we named.",
    "We report what goes wrong, and stop what we cannot answer for.",
)


class TermsForm(Page):
    """What is agreed to. The version that was shown is kept with it."""

    accepted = forms.BooleanField(
        label="I have read these terms, and the team will keep to them",
        error_messages={"required": "Nothing can be set up for a team that does not agree."},
    )

    @property
    def answer(self) -> dict[str, Any]:
        return {"accepted": True, "version": TERMS_VERSION}


def plain_names(names: Iterable[str], words: Mapping[str, str]) -> str:
    """The words before the colon, for a list of answers."""
    return ", ".join(words.get(name, name).partition(":")[0] for name in names) or "none"
