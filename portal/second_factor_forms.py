"""The forms of the authenticator app in our words: what to do about a wrong code, and what removing the app closes."""

from __future__ import annotations

from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm, DeactivateTOTPForm
from django.core.exceptions import ValidationError

from tenants.models import Membership
from tenants.reach import SECOND_FACTORS


class SetUpAppForm(ActivateTOTPForm):
    """There are no recovery codes yet to use instead."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.fields["code"].label = "Code that the app shows"

    def clean_code(self) -> str:
        try:
            return str(super().clean_code())
        except ValidationError as error:
            if error.code != "incorrect_code":
                raise
            told = "This code does not fit. Wait for the next one; if none fits, set the clock of your phone."
            raise ValidationError(told, code=error.code) from error


class RemoveAppForm(DeactivateTOTPForm):
    """`closes` names the person's tenants that ask for a second factor, where the app is the last one."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        person = self.authenticator.user
        others = Authenticator.objects.filter(user=person, type__in=SECOND_FACTORS).exclude(pk=self.authenticator.pk)
        asking = Membership.objects.filter(user=person).exclude(tenant__second_factor_from=None)
        names = [] if others.exists() else asking.order_by("tenant__name").values_list("tenant__name", flat=True)
        self.closes = list(names)
