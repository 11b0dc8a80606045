"""The second factor's own rules: its secrets are kept encrypted, and its words are ours. Its pages are allauth's."""

from __future__ import annotations

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator

from catalog.credentials import decrypt, encrypt
from tenants.models import User


class SecondFactorAdapter(DefaultMFAAdapter):
    """What a copy of the database must not give away is encrypted with the installation's keys."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": "This code does not fit. Wait for the next one, or use a recovery code.",
        "unverified_email": "Confirm your e-mail address first; then a second factor can be set up.",
    }

    def encrypt(self, text: str) -> str:
        return encrypt(text).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return decrypt(encrypted_text.encode())

    def generate_authenticator_name(self, user: User, type: Authenticator.Type) -> str:
        count = Authenticator.objects.filter(user=user, type=type).count()
        return "Passkey" if not count else f"Passkey {count + 1}"
