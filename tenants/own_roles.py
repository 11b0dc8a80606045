"""The noun of a tenant's own roles (`tenants.custom_roles` reads them, `tenants.role_making` has the verbs)."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from audit.identifiers import uuid7
from tenants.alike import look_of_slug
from tenants.roles import Role


class CustomRole(models.Model):
    """A role of one tenant, of permissions that its owners hold."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.CASCADE, related_name="custom_roles")
    slug = models.CharField(max_length=20)
    name = models.CharField(max_length=40)
    sentence = models.CharField(max_length=200)
    permissions = ArrayField(models.CharField(max_length=100))
    version = models.PositiveIntegerField(default=1, help_text="one more with every change")
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta:
        ordering = ["created_at", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "slug"], name="role_slug_in_tenant"),
            models.UniqueConstraint("tenant", look_of_slug(), name="no_roles_look_alike"),
            models.CheckConstraint(
                condition=models.Q(permissions__contains=["tenants.view_tenant"]), name="every_role_sees_its_tenant"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def role(self) -> Role:
        """As the table of roles tells the built-in ones."""
        return Role(self.slug, self.name, self.sentence, frozenset(self.permissions))
