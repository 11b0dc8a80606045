"""What the platform team types: an endpoint with its credential, a model to publish."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms

from catalog.dialects import COMPATIBLE, LONGEST_CREDENTIAL, Dialect, dialect_called, offered
from catalog.figures import LARGEST_PRICE
from catalog.models import Model, Route, name_for_addresses
from ui.formatting import money

KEPT = "Tested now, kept encrypted, never shown again."


class EndpointForm(forms.Form):
    name = forms.CharField(max_length=120, help_text="How people will read it, for example “Research cluster”.")
    dialect = forms.ChoiceField(
        label="Kind",
        help_text="Which API it speaks.",
        widget=forms.Select(
            attrs={
                "hx-get": "?of_kind=1",
                "hx-trigger": "change",
                "hx-target": "#of-kind",
                "hx-swap": "innerHTML",
                "aria-describedby": "id_dialect_helptext of-kind",
            }
        ),
    )
    base_url = forms.CharField(
        label="Address",
        max_length=300,
        required=False,
        help_text="Empty: the usual one of its kind, where it has one.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "url", "spellcheck": "false"}),
    )
    credential = forms.CharField(
        max_length=LONGEST_CREDENTIAL,
        required=False,
        help_text=KEPT,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    region = forms.CharField(max_length=60, required=False, help_text="Where it computes, for example eu-central.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kind = self.fields["dialect"]
        assert isinstance(kind, forms.ChoiceField)  # noqa: S101  # for the type checker
        kind.choices = [(each.name, each.words) for each in offered()]
        kind.initial = COMPATIBLE

    @property
    def chosen(self) -> Dialect:
        """The kind that is chosen, to say what it wants."""
        name = self["dialect"].value()
        return next((each for each in offered() if each.name == name), offered()[0])

    @property
    def kinds(self) -> list[Dialect]:
        """All of them."""
        return offered()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        name = cleaned.get("dialect")
        if name and not cleaned.get("base_url") and "base_url" not in self.errors and not dialect_called(name).address:
            example = dialect_called(name).example
            self.add_error("base_url", f"Enter where it is called, for example {example}.")
        return cleaned


class CredentialForm(forms.Form):
    credential = forms.CharField(
        max_length=LONGEST_CREDENTIAL,
        required=False,
        label="New credential",
        help_text="Tested first; the old one stays until this one works. Leave empty if the endpoint wants none.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )


class PublishForm(forms.Form):
    upstream = forms.CharField(max_length=200, label="Its name at the provider")
    model = forms.CharField(
        max_length=160,
        required=False,
        label="Model of the catalog",
        help_text="Type a part of its name and choose. Leave empty to make a new one.",
        widget=forms.TextInput(
            attrs={
                "list": "catalog-models",
                "autocomplete": "off",
                "placeholder": "gpt-4.1",
                "hx-get": "?offered=1",
                "hx-trigger": "input changed delay:200ms",
                "hx-target": "#catalog-models",
                "hx-swap": "innerHTML",
            }
        ),
    )
    new_name = forms.CharField(max_length=160, required=False, label="Name of a new model")
    slug = forms.CharField(max_length=120, label="Route", help_text="The name that programs call.")
    input_per_million = forms.DecimalField(
        label="Input price per million tokens (USD)",
        min_value=Decimal(0),
        max_value=LARGEST_PRICE,
        max_digits=16,
        decimal_places=6,
    )
    output_per_million = forms.DecimalField(
        label="Output price per million tokens (USD)",
        min_value=Decimal(0),
        max_value=LARGEST_PRICE,
        max_digits=16,
        decimal_places=6,
    )

    def hint(self, model: Model) -> None:
        """Say beside the prices what the catalog lists for `model`."""
        for name, listed in (("input_per_million", model.input_price), ("output_per_million", model.output_price)):
            if listed is not None:
                self.fields[name].help_text = f"The catalog lists {money(listed)} for {model.name}."

    def clean_model(self) -> Model | None:
        slug = self.cleaned_data["model"].strip()
        if not slug:
            return None
        found = Model.objects.defer("embedding", "search_vector").filter(slug=slug).first()
        if found is None:
            raise forms.ValidationError(f"The catalog has no model “{slug}”. Leave this empty to make a new one.")
        return found

    def clean_slug(self) -> str:
        slug = str(self.cleaned_data["slug"]).strip().lower()
        name_for_addresses(slug)
        return slug

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        model, slug = cleaned.get("model"), cleaned.get("slug")
        taken = Route.objects.filter(slug=slug).select_related("model").first() if slug else None
        if taken is not None and "model" in cleaned and (model is None or taken.model_id != model.pk):
            self.add_error("slug", f"The route “{slug}” leads to {taken.model.name}. Choose another name.")
        return cleaned
