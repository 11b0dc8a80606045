"""The nouns of directories: what an organisation's own service says about people and groups, and what follows from it.

A part of the room's nouns (`tenants.models` takes them in); the verbs are in `tenants.directory`. There is one
directory of the whole platform, whose people are the accounts, and one for each tenant that wants its own, whose people
are asked into that tenant.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.functional import cached_property

from audit.identifiers import uuid7
from tenants.custom_roles import role_of_row
from tenants.kept_tokens import KeptToken
from tenants.roles import Role


class Directory(models.Model):
    """A service outside that says who there is and in which groups: of one tenant, or (without one) of the platform."""

    rows_of_no_tenant_are_shared = False  # the platform's, and all that hangs on it, is no tenant's to see

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.CASCADE, null=True, related_name="directories")
    created_at = models.DateTimeField(default=timezone.now)

    # What was found when it was held (`tenants.directory.reconciling.hold`); the tenant's row is locked and fresh then.
    has_effects = has_rules = True
    is_held = False

    class Meta:
        verbose_name_plural = "directories"
        constraints = [models.UniqueConstraint(fields=["tenant"], nulls_distinct=False, name="one_directory_a_tenant")]

    def __str__(self) -> str:
        return f"directory of {self.tenant or 'the platform'}"

    @property
    def slug(self) -> str:
        """The tenant's short name, "" for the platform's."""
        return self.tenant.slug if self.tenant else ""


class DirectoryToken(KeptToken):
    """What a directory's service shows to be let in at `/scim/v2`. Only its keyed hash is kept."""

    owned_through = "directory"

    directory = models.ForeignKey(Directory, on_delete=models.CASCADE, related_name="tokens")
    prefix = models.CharField(max_length=40, unique=True, help_text="the part that may be shown")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")


class DirectoryPerson(models.Model):
    """A person as a directory knows them: SCIM's User.

    In the platform's directory each stands for an account. In a tenant's, `user` is empty until the person has accepted
    an invitation: the tenant learns of no account before. `is_adopted` marks who was here before the directory spoke of
    them. `folded` is `attributes` in the form in which filters compare. What is looked up by has a column as it is
    compared: an index on an expression is of no use under row-level security, which trusts few functions.
    """

    owned_through = "directory"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    directory = models.ForeignKey(Directory, on_delete=models.CASCADE, related_name="people")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="+")
    user_name = models.CharField(max_length=254)
    name_key = models.CharField(max_length=508, help_text="the user name as it is compared")
    external_id = models.CharField(max_length=254, blank=True)
    email = models.CharField(max_length=254, blank=True, help_text="the first address, in lower case")
    is_active = models.BooleanField(default=True, help_text="what the directory says; a tenant's alone")
    is_adopted = models.BooleanField(default=False)
    attributes: models.JSONField[Any, Any] = models.JSONField(default=dict)
    claimed_groups = ArrayField(models.CharField(max_length=254), default=list, help_text="by a sign-in service")
    folded: models.JSONField[Any, Any] = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)
    changed_at = models.DateTimeField(default=timezone.now)
    version = models.PositiveIntegerField(default=1)
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "directory people"
        ordering = ["pk"]
        indexes = [
            models.Index(fields=["directory", "external_id"], name="directory_person_external"),
            models.Index(fields=["directory", "email"], name="directory_person_email"),
            models.Index(fields=["directory", "name_key"], name="directory_person_name"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["directory", "name_key"], condition=Q(removed_at=None), name="directory_user_name"
            ),
            models.UniqueConstraint(fields=["directory", "user"], name="one_account_once_a_directory"),
        ]

    def __str__(self) -> str:
        return self.user_name


class DirectoryGroup(models.Model):
    """A group of a directory: SCIM's Group. What it brings is said by rules."""

    owned_through = "directory"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    directory = models.ForeignKey(Directory, on_delete=models.CASCADE, related_name="groups")
    display_name = models.CharField(max_length=254)
    name_key = models.CharField(max_length=508, help_text="the name as it is compared")
    external_id = models.CharField(max_length=254, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    changed_at = models.DateTimeField(default=timezone.now)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["directory", "name_key"], name="directory_group_name")]

    def __str__(self) -> str:
        return self.display_name


class DirectoryGroupMember(models.Model):
    """A person in a group of their directory."""

    owned_through = "group"

    group = models.ForeignKey(DirectoryGroup, on_delete=models.CASCADE, related_name="members")
    person = models.ForeignKey(DirectoryPerson, on_delete=models.CASCADE, related_name="in_groups")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["group", "person"], name="once_in_a_directory_group")]

    def __str__(self) -> str:
        return f"{self.person} in {self.group}"


class DirectoryRule(models.Model):
    """Who is in a group of a directory is a member of the tenant with this role. An empty name is everybody in it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.CASCADE, related_name="directory_rules")
    directory = models.ForeignKey(Directory, on_delete=models.CASCADE, related_name="rules")
    group_name = models.CharField(max_length=254, blank=True, help_text="empty: everybody in the directory")
    role = models.CharField(max_length=20)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta:
        ordering = ["group_name", "pk"]
        constraints = [
            models.UniqueConstraint("directory", "tenant", Lower("group_name"), name="one_rule_a_group_and_tenant")
        ]

    def __str__(self) -> str:
        return f"{self.group_name or 'everybody'} → {self.role} of {self.tenant}"

    @cached_property
    def of_role(self) -> Role | None:
        """The role that it gives; read for many at once by `with_roles`."""
        return role_of_row(self)
