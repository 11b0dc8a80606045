"""What the platform team types to say how a route's calls go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self
from uuid import UUID

from django import forms

from catalog import steering
from catalog.models import Route, RouteTarget
from tenants.data_classes import DATA_CLASSES
from tenants.seen import mark_of

_SECONDS: dict[str, Any] = {
    "required": False,
    "min_value": steering.SHORTEST_TIMEOUT_S,
    "max_value": steering.LONGEST_TIMEOUT_S,
}
WAYS = (
    (Route.Policy.WEIGHT, "By weight: each gets its share of the calls"),
    (Route.Policy.LATENCY, "By latency: the one that would answer first is asked"),
)


class SteeringForm(forms.Form):
    """Everything of a route; `rows` are its deployments, each with the fields of its tier and weight."""

    policy = forms.ChoiceField(label="How a tier's calls are spread", choices=WAYS, widget=forms.RadioSelect)
    regions = forms.CharField(
        required=False,
        label="Answered in these regions only",
        help_text="Separated by commas; “eu” means all that begins so, such as eu-central-1. Empty: anywhere. "
        "A deployment that tells no region is passed over then. They hold for what the fallback answers too.",
    )
    fallback = forms.CharField(
        required=False,
        max_length=120,
        label="Fallback",
        help_text="The route that is asked when no deployment of this one takes a call, also because the prompt is "
        "too long. Only for environments that have access to that one too, and only in the regions said above: none of "
        "its deployments elsewhere is asked.",
        widget=forms.TextInput(attrs={"list": "routes", "autocomplete": "off"}),
    )
    first_token_timeout_s = forms.FloatField(
        label="Seconds until an answer begins", help_text="Empty: as the installation says.", **_SECONDS
    )
    seen = forms.CharField(widget=forms.HiddenInput, max_length=64)
    idle_timeout_s = forms.FloatField(
        label="Seconds between two pieces of an answer", help_text="Empty: as the installation says.", **_SECONDS
    )

    def __init__(self, route: Route, *args: Any, **kwargs: Any) -> None:
        held = steering.steering_of(route)
        kwargs["initial"] = {
            "policy": held.policy,
            "regions": ", ".join(held.regions),
            "fallback": held.fallback,
            "first_token_timeout_s": held.first_token_timeout_s,
            "idle_timeout_s": held.idle_timeout_s,
            "seen": mark_of(held.as_json()),
        }
        super().__init__(*args, **kwargs)
        self.targets = list(route.targets.select_related("deployment__provider"))
        for target in self.targets:
            name = target.deployment_id.hex
            self.fields[f"tier-{name}"] = forms.IntegerField(
                label=f"Tier of {target.deployment}",
                min_value=1,
                max_value=steering.HIGHEST_TIER,
                initial=target.priority,
            )
            self.fields[f"weight-{name}"] = forms.IntegerField(
                label=f"Weight of {target.deployment}",
                min_value=0,
                max_value=steering.HIGHEST_WEIGHT,
                initial=target.weight,
            )
        self.others = Route.objects.exclude(pk=route.pk).filter(is_enabled=True)

    @property
    def rows(self) -> list[tuple[RouteTarget, Any, Any]]:
        return [
            (each, self[f"tier-{each.deployment_id.hex}"], self[f"weight-{each.deployment_id.hex}"])
            for each in self.targets
        ]

    def steering(self) -> steering.Said:
        """What was said, once it is valid: everything, as it was shown."""
        said = self.cleaned_data
        places: dict[UUID, steering.Place] = {
            each.deployment_id: steering.Place(
                said[f"tier-{each.deployment_id.hex}"], said[f"weight-{each.deployment_id.hex}"]
            )
            for each in self.targets
        }
        return {
            "policy": said["policy"],
            "regions": tuple(said["regions"].split(",")),
            "fallback": said["fallback"].strip().lower(),
            "first_token_timeout_s": said["first_token_timeout_s"],
            "idle_timeout_s": said["idle_timeout_s"],
            "places": places,
        }


def data_field(text: str) -> forms.MultipleChoiceField:
    """The classes of data that may be seen."""
    return forms.MultipleChoiceField(
        label="Data it may see", required=False, choices=list(DATA_CLASSES.items()),
        widget=forms.CheckboxSelectMultiple, help_text=text,
    )  # fmt: skip


class ProviderFactsForm(forms.Form):
    """What is said of a provider; `seen` is a mark of what was shown, here and below."""

    seen = forms.CharField(widget=forms.HiddenInput, max_length=64)
    region = forms.CharField(max_length=60, required=False, help_text="Where it computes, for example eu-central.")
    data_classes = data_field("None ticked: any. Calls whose data nobody has named go to nobody who may see some only.")

    @classmethod
    def of(cls, held: Mapping[str, Any], said: Any = None) -> Self:
        return cls(said, initial={**held, "seen": mark_of(held)})


class DescribeForm(ProviderFactsForm):
    """What is said of a deployment."""

    data_classes = data_field("None ticked: as its provider. It never sees more than its provider may.")
    region = forms.CharField(
        max_length=60, required=False, help_text="Where it computes, for example eu-central-1. Empty: as its provider."
    )
    context_tokens = forms.IntegerField(
        required=False,
        label="Tokens it holds",
        min_value=1,
        max_value=steering.LARGEST_CONTEXT,
        help_text="Prompt and answer together. Empty: as many as its model.",
    )
