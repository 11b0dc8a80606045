"""The forms of tenants: they read and clean what was typed; verbs decide."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any, ClassVar

from django import forms
from django.utils import timezone

from refusals import Refusal
from tenants.finding import person
from tenants.key_rotation import OVERLAP_WORDS
from tenants.leaks import LONGEST_TEXT
from tenants.models import Environment, Project, User
from tenants.roles import Role
from tenants.scoping import words

EXPIRIES = (("90", "In 90 days"), ("30", "In 30 days"), ("365", "In a year"), ("date", "On a date"), ("", "Never"))


def expiry_of(choice: str) -> dt.datetime | None:
    """The moment that one of `EXPIRIES` (days) stands for; None for never."""
    return timezone.now() + dt.timedelta(days=int(choice)) if choice else None


def _end_of(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time.max, dt.UTC)


class VerbForm(forms.Form):
    """A form whose errors may also come from a verb's refusal."""

    stands_for: ClassVar[dict[str, str]] = {}  # the field of this form, by the name that the verb has for it
    way_out = ""  # the page where what is refused can be mended

    def refused(self, refusal: Refusal) -> None:
        """Show `refusal` beside the field that it names, else above the form."""
        field = self.stands_for.get(refusal.field, refusal.field)
        self.add_error(field if field in self.fields else None, refusal.sentence)
        self.way_out = refusal.way_out


class OnceForm(VerbForm):
    """A form that is done once however often it is sent: it carries a token."""

    once = forms.CharField(widget=forms.HiddenInput, max_length=100)


class PersonField(forms.CharField):
    """An existing, active person by user name or e-mail."""

    def clean(self, value: Any) -> User | None:  # a person is what this text stands for
        text = super().clean(value)
        if not text:
            return None
        found = person(text)
        if found is None:
            raise forms.ValidationError(f"Nobody active has the user name or e-mail “{text}”. Check the spelling.")
        return found


class TenantForm(VerbForm):
    """A new tenant."""

    name = forms.CharField(max_length=120, help_text="As people know the team, for example “Retail Banking”.")
    slug = forms.CharField(
        max_length=40,
        label="Short name",
        help_text="Part of every address and key path; it stays. Lower-case letters, digits and hyphens.",
    )
    cost_centre = forms.CharField(max_length=40, required=False, label="Cost centre")
    owner = PersonField(max_length=254, help_text="User name or e-mail of who will answer for it.")


class ProjectForm(VerbForm):
    """A new project."""

    name = forms.CharField(max_length=120, help_text="The use case, for example “Card support”.")
    slug = forms.CharField(
        max_length=40,
        label="Short name",
        help_text="Part of addresses and key paths; it stays. Lower-case letters, digits and hyphens.",
    )
    purpose = forms.CharField(
        widget=forms.Textarea, required=False, max_length=2000, help_text="Who is helped, and how."
    )


class ProjectChangeForm(VerbForm):
    """What a project is called and for."""

    name = forms.CharField(max_length=120)
    purpose = forms.CharField(
        widget=forms.Textarea, required=False, max_length=2000, help_text="Who is helped, and how."
    )


class SettingsForm(VerbForm):
    """What a tenant is called and who pays."""

    name = forms.CharField(max_length=120)
    cost_centre = forms.CharField(
        max_length=40, required=False, label="Cost centre", help_text="Shown in statements and exports."
    )
    is_discoverable = forms.BooleanField(
        required=False,
        label="People who know the short name can ask to join",
        help_text="Owners and admins decide. Without it such questions are answered by nobody.",
    )


class HandOverForm(VerbForm):
    """Who is to answer for the tenant."""

    person = forms.ModelChoiceField(queryset=User.objects.none(), label="New owner", empty_label="Choose a member")

    def __init__(self, *args: Any, people: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen = self.fields["person"]
        assert isinstance(chosen, forms.ModelChoiceField)  # noqa: S101  # for the type checker
        chosen.queryset = people


class WhyForm(forms.Form):
    """Why may somebody do something here, or not? Without the right to manage members: about oneself."""

    def __init__(
        self, *args: Any, permissions: list[str], projects: Iterable[Project], about_others: bool, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        by_slug = {project.slug: project for project in projects}
        self.fields["permission"] = forms.ChoiceField(choices=[(each, words(each)) for each in permissions])
        self.fields["project"] = forms.TypedChoiceField(
            choices=[("", "The whole tenant"), *((slug, project) for slug, project in by_slug.items())],
            coerce=by_slug.__getitem__, required=False, empty_value=None, label="Where",
        )  # fmt: skip
        if about_others:
            who = PersonField(max_length=254, required=False, label="Person", help_text="Empty: you.")
            self.fields = {"person": who, **self.fields}


class MemberForm(VerbForm):
    """Somebody for the tenant."""

    person = PersonField(max_length=254, label="Person", help_text="User name or e-mail of somebody with an account.")
    role = forms.ChoiceField(help_text="What each role may do is on the page Roles.")

    def __init__(self, *args: Any, roles: list[Role], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen = self.fields["role"]
        assert isinstance(chosen, forms.ChoiceField)  # noqa: S101  # for the type checker
        chosen.choices = [(role.slug, f"{role.name} — {role.sentence}") for role in roles]
        chosen.initial = "developer"


class ProjectRoleForm(VerbForm):
    """A member, and what they are in one project."""

    person = forms.CharField(max_length=254, label="Member", help_text="User name or e-mail of a member of the tenant.")
    role = forms.ChoiceField()

    def __init__(self, *args: Any, roles: list[Role], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen = self.fields["role"]
        assert isinstance(chosen, forms.ChoiceField)  # noqa: S101  # for the type checker
        chosen.choices = [(role.slug, f"{role.name} — {role.sentence}") for role in roles]
        chosen.initial = "developer"


class EnvironmentChoice(forms.ModelChoiceField):
    """An environment by project and kind."""

    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.project.name} · {obj.get_kind_display()}"


class ListField(forms.CharField):
    """Several values typed into one field, apart by commas, spaces or lines."""

    def __init__(self, **options: Any) -> None:
        rows = forms.Textarea(attrs={"rows": 2, "spellcheck": "false", "autocapitalize": "none"})
        super().__init__(required=False, max_length=4000, widget=rows, **options)

    def prepare_value(self, value: Any) -> Any:
        return value if value is None or isinstance(value, str) else "\n".join(value)

    def clean(self, value: Any) -> list[str]:  # what the text stands for
        return super().clean(value).replace(",", " ").replace(";", " ").split()


NETWORKS_HELP = (
    "IPv4 or IPv6 in CIDR form, such as 203.0.113.0/24 or 2001:db8::/32, or single addresses. Empty: from anywhere."
)


class RoutesField(forms.MultipleChoiceField):
    """Which of the routes that an environment may call a key may call."""

    def __init__(self) -> None:
        super().__init__(
            required=False,
            label="Only these routes",
            widget=forms.CheckboxSelectMultiple,
            help_text="Tick none, and the key may call every route that its environment was granted, later ones too.",
            error_messages={"invalid_choice": "“%(value)s” is no route that this environment may call."},
        )


class KeyScopeForm(VerbForm):
    """What an issued key is narrowed to."""

    allowed_routes = RoutesField()
    allowed_networks = ListField(label="Only from these networks", help_text=NETWORKS_HELP)

    def __init__(self, *args: Any, routes: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["allowed_routes"].choices = [(route, route) for route in routes]  # type: ignore[attr-defined]


class KeyForm(OnceForm):
    """A new key."""

    stands_for: ClassVar[dict[str, str]] = {"expires_at": "expires_on"}

    environment = EnvironmentChoice(
        queryset=Environment.objects.none(),
        to_field_name="pk",
        empty_label="Choose an environment",
        help_text="The key works in this environment only, within its grants and limits.",
    )
    name = forms.CharField(max_length=80, help_text="What uses it, for example “nightly batch”.")
    holder = forms.ChoiceField(
        label="Whose it is",
        required=False,
        help_text="A key of yours stops when you leave or are switched off. Give a program one of a service account.",
    )
    expiry = forms.ChoiceField(choices=EXPIRIES, required=False, label="Expires")
    expires_on = forms.DateField(
        required=False,
        label="Last day",
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="Only for “On a date”; the key works until the end of that day, UTC.",
    )
    allowed_routes = RoutesField()
    allowed_networks = ListField(label="Only from these networks", help_text=NETWORKS_HELP)

    def __init__(self, *args: Any, routes: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["allowed_routes"].choices = [(route, route) for route in routes]  # type: ignore[attr-defined]
        asks_again = {"hx-get": "", "hx-trigger": "change", "hx-target": "#routes", "hx-swap": "outerHTML"}
        self.fields["environment"].widget.attrs |= asks_again

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        choice = cleaned.get("expiry", "")
        cleaned["expires_at"] = None
        if choice == "date":
            day = cleaned.get("expires_on")
            if day is None and "expires_on" not in self.errors:
                self.add_error("expires_on", "Say on which date the key expires.")
            elif day is not None:
                cleaned["expires_at"] = _end_of(day)
        else:
            cleaned["expires_at"] = expiry_of(choice)
        return cleaned


class ServiceAccountForm(VerbForm):
    """A new service account."""

    name = forms.CharField(
        label="Short name", max_length=40, help_text="Lower-case letters, digits and hyphens, such as nightly-batch."
    )
    purpose = forms.CharField(max_length=120, required=False, label="What it is for", help_text="People read this.")
    role = forms.ChoiceField(help_text="A program that only calls models with keys needs no more than Viewer.")

    def __init__(self, *args: Any, roles: list[Role], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(role.slug, f"{role.name}: {role.sentence}") for role in roles]
        self.fields["role"].choices = choices  # type: ignore[attr-defined]  # a ChoiceField
        self.fields["role"].initial = "viewer"


class ServiceTokenForm(OnceForm):
    """A token of a service account."""

    name = forms.CharField(max_length=80, help_text="Where it is used.")
    expiry = forms.ChoiceField(
        choices=[each for each in EXPIRIES if each[0] != "date"], required=False, label="Expires"
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        cleaned["expires_at"] = expiry_of(cleaned.get("expiry", ""))
        return cleaned


def holder_choices(holders: Iterable[User]) -> list[tuple[str, str]]:
    """Service accounts by name, and oneself."""
    return [
        (user.username, f"{user} (service account)" if user.is_service else f"{user}: it ends with the membership")
        for user in holders
    ]


class RotateForm(OnceForm):
    """A successor for a key."""

    overlap = forms.ChoiceField(
        label="The old key ends",
        choices=list(OVERLAP_WORDS.items()),
        initial="24h",
        widget=forms.RadioSelect,
        help_text="Until then both work, so that whatever uses the old one can change over. It never ends later than "
        "it would have.",
    )


class FoundForm(forms.Form):
    """A secret that somebody found."""

    text = forms.CharField(
        label="What you found",
        max_length=LONGEST_TEXT,
        widget=forms.Textarea(
            attrs={"rows": 3, "spellcheck": "false", "autocomplete": "off", "autocapitalize": "none"}
        ),
        help_text="The whole key, beginning with atrium_. Lines around it do no harm.",
        error_messages={
            "required": "Paste the key that you found.",
            "max_length": f"At most {LONGEST_TEXT} characters: the key alone, or the lines around it.",
        },
    )


class TokenForm(OnceForm):
    """A new personal token."""

    name = forms.CharField(max_length=80, help_text="What uses it, for example “my laptop”.")
    expiry = forms.ChoiceField(
        choices=[choice for choice in EXPIRIES if choice[0] != "date"], required=False, label="Expires"
    )
