"""The noun of roles per project: what a member of a tenant is in one project of it (`tenants.assigning`)."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from audit.identifiers import uuid7
from tenants.roles import PROJECT_ROLES


class ProjectRole(models.Model):
    """A member of a tenant in one project of it, with a role of `tenants.roles.PROJECT_ROLES` beside their own.

    It is no longer than the membership, and ends when the project moves to another tenant.
    """

    stays_behind = "it is given to members of the tenant that the project was in, and ends with the move"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.CASCADE, related_name="project_roles")
    project = models.ForeignKey("tenants.Project", on_delete=models.CASCADE, related_name="roles")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="project_roles")
    role = models.CharField(max_length=20)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta:
        ordering = ["created_at"]
        indexes = [models.Index(fields=["tenant", "user"])]
        constraints = [models.UniqueConstraint(fields=["project", "user"], name="one_role_a_project")]

    def __str__(self) -> str:
        return f"{self.user} as {self.role} in {self.project}"

    @property
    def role_name(self) -> str:
        """As people read it."""
        return PROJECT_ROLES[self.role].name
