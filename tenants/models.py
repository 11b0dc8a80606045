"""The nouns of people and isolation: who there is, which tenant, project and environment they work in, and keys."""

from __future__ import annotations

import datetime as dt

import pgtrigger
from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Lower, Upper
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property

from audit.identifiers import uuid7
from tenants.access_reviews import AccessConfirmation as AccessConfirmation
from tenants.access_reviews import AccessReview as AccessReview
from tenants.alike import look_of_slug
from tenants.arrivals import Invitation as Invitation
from tenants.arrivals import InvitationBatch as InvitationBatch
from tenants.arrivals import JoinRequest as JoinRequest
from tenants.changes import ChangeNote as ChangeNote
from tenants.custom_roles import role_of_row
from tenants.directories import Directory as Directory
from tenants.directories import DirectoryGroup as DirectoryGroup
from tenants.directories import DirectoryGroupMember as DirectoryGroupMember
from tenants.directories import DirectoryPerson as DirectoryPerson
from tenants.directories import DirectoryRule as DirectoryRule
from tenants.directories import DirectoryToken as DirectoryToken
from tenants.elevations import Elevation as Elevation
from tenants.names import SlugForm
from tenants.own_roles import CustomRole as CustomRole
from tenants.own_things import Notification as Notification
from tenants.own_things import PersonalToken as PersonalToken
from tenants.own_things import Sending as Sending
from tenants.project_roles import ProjectRole as ProjectRole
from tenants.roles import Role
from tenants.transfers import OwnershipTransfer as OwnershipTransfer

LARGEST_WEIGHT = 100
slug_form = SlugForm(
    r"^[a-z][a-z0-9]*(-[a-z0-9]+)*\Z", "Use lower-case letters, digits and single hyphens, beginning with a letter."
)


class User(AbstractUser):
    """A person."""

    shared_because = "a person may belong to several tenants"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    display_name = models.CharField(max_length=120, blank=True)
    time_zone = models.CharField(max_length=64, default="UTC")
    theme = models.CharField(max_length=10, default="system", choices=[(t, t) for t in ("system", "light", "dark")])
    is_demonstration = models.BooleanField(default=False)
    is_service = models.BooleanField(default=False, editable=False, help_text="nobody's: a service account")

    class Meta(AbstractUser.Meta):
        indexes = [
            models.Index(fields=["id"], condition=models.Q(is_demonstration=True), name="of_demonstration"),
            models.Index(Lower("email"), name="user_email_lower"),
            models.Index(Upper("username"), name="user_username_upper"),
        ]

    def __str__(self) -> str:
        return self.display_name or self.get_full_name() or self.username


class Tenant(models.Model):
    """A team or line of business that is isolated, billed and governed."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    slug = models.CharField(max_length=40, unique=True, validators=[slug_form])
    is_alike_from_before = models.BooleanField(
        default=False, db_default=False, editable=False, help_text="was there before look-alikes were refused"
    )
    name = models.CharField(max_length=120)
    cost_centre = models.CharField(max_length=40, blank=True)
    is_demonstration = models.BooleanField(default=False)
    is_discoverable = models.BooleanField(default=False, help_text="found by who wants to join")
    created_at = models.DateTimeField(default=timezone.now)
    archived_at = models.DateTimeField(null=True, blank=True)
    leaving_since = models.DateTimeField(null=True, editable=False, help_text="it is packed, then erased")
    erasing_since = models.DateTimeField(null=True, editable=False, help_text="people are taken out of its ledger")
    # What it asks of who comes in (`tenants.security`); empty: nothing.
    allowed_email_domains = ArrayField(models.CharField(max_length=255), default=list, db_default=[], blank=True)
    allowed_networks = ArrayField(models.CharField(max_length=50), default=list, db_default=[], blank=True)
    second_factor_from = models.DateTimeField(null=True, blank=True)
    weight = models.PositiveSmallIntegerField(
        default=1,
        db_default=1,
        validators=[MinValueValidator(1), MaxValueValidator(LARGEST_WEIGHT)],
        help_text="its share where calls wait for a deployment",
    )

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                look_of_slug(), condition=Q(is_alike_from_before=False), name="no_tenants_look_alike"
            )
        ]
        # Held by django-guardian per tenant; which role holds which is `tenants.roles`.
        permissions = [
            ("manage_tenant", "Change the tenant's settings and projects"),
            ("manage_members", "Invite, change and remove members"),
            ("manage_keys", "Issue and revoke keys"),
            ("request_access", "Request access for the tenant's environments"),
            ("use_models", "Call models with the tenant's grants in the playground"),
            ("view_usage", "See the calls and the cost of the whole tenant"),
            ("read_content", "Read what was asked and answered, where it is kept"),
            ("view_tenant_audit", "See the audit of the tenant"),
        ]
        triggers = [
            pgtrigger.Protect(
                name="stays_real",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__is_demonstration=False, new__is_demonstration=True),
            )
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("tenants:overview", args=[self.slug])


class Project(models.Model):
    """One use case of a tenant."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="projects")
    slug = models.CharField(max_length=40, validators=[slug_form])
    is_alike_from_before = models.BooleanField(
        default=False, db_default=False, editable=False, help_text="was there before look-alikes were refused"
    )
    name = models.CharField(max_length=120)
    purpose = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    archived_at = models.DateTimeField(null=True, blank=True)
    # Empty: it did not. Else what is left here is the ledger of the time before (`tenants.moving`).
    moved_to = models.CharField(
        max_length=81, blank=True, default="", db_default="", editable=False, help_text="tenant/project it moved to"
    )

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "slug"], name="project_slug_in_tenant"),
            models.UniqueConstraint(
                "tenant",
                look_of_slug(),
                condition=Q(is_alike_from_before=False),
                name="no_projects_look_alike",
            ),
        ]
        # Those of a tenant that mean something in one project (`tenants.roles.PROJECT_PERMISSIONS`), under their names:
        # what is asked at a place is held there or in the whole tenant.
        permissions = [
            ("manage_tenant", "Change the project and the limits and budgets in it"),
            ("manage_members", "Give and take roles in the project"),
            ("manage_keys", "Issue and revoke keys of the project"),
            ("request_access", "Request access for the project's environments"),
            ("use_models", "Call models with the project's grants in the playground"),
            ("view_usage", "See the calls and the cost of the project"),
            ("read_content", "Read what was asked and answered in the project, where it is kept"),
        ]

    def __str__(self) -> str:
        return self.name


SHORT_KINDS = {"development": "dev", "test": "test", "production": "prod"}


class Environment(models.Model):
    """Development, test or production of a project; keys and grants attach here."""

    class Kind(models.TextChoices):
        DEVELOPMENT = "development", "Development"
        TEST = "test", "Test"
        PRODUCTION = "production", "Production"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="environments")
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="environments")
    kind = models.CharField(max_length=12, choices=Kind)
    data_classes = ArrayField(
        models.CharField(max_length=20), default=list, blank=True, db_default=[],
        help_text="what is sent to models from here (`tenants.data_classes`); empty: nobody has said",
    )  # fmt: skip
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["project__name", "kind"]
        constraints = [models.UniqueConstraint(fields=["project", "kind"], name="environment_kind_in_project")]

    def __str__(self) -> str:
        return self.path

    @property
    def path(self) -> str:
        """`tenant/project/kind`, the name used on the command line and in the audit."""
        return f"{self.tenant.slug}/{self.project.slug}/{self.kind}"

    @property
    def short_kind(self) -> str:
        """`dev`, `test` or `prod`: in the prefix of a key, and where there is little room."""
        return SHORT_KINDS[self.kind]


class Membership(models.Model):
    """A person in a tenant with a role of it (`tenants.custom_roles.roles_of`)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=20)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    # Whose rules gave it, and may change or take it again; nobody's: given by hand.
    directory = models.ForeignKey(Directory, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta:
        ordering = ["created_at"]
        constraints = [models.UniqueConstraint(fields=["tenant", "user"], name="one_membership_a_tenant")]
        indexes = [models.Index(fields=["tenant", "created_at", "id"], name="membership_by_age")]  # as they are listed

    def __str__(self) -> str:
        return f"{self.user} as {self.role} of {self.tenant}"

    @cached_property
    def of_role(self) -> Role | None:
        """The role; None when there is none of this name any more. Read for many at once by `with_roles`."""
        return role_of_row(self)


class ServiceAccount(models.Model):
    """A non-human member of one tenant, which never signs in (`tenants.service_accounts`); its account says so too."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="service_account")
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="service_accounts")
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")

    def __str__(self) -> str:
        return str(self.user)


class Appointment(models.Model):
    """A person in a role above tenants (`tenants.roles.PLATFORM_ROLES`): platform, finops, auditor."""

    shared_because = "roles above tenants"

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="appointments")
    role = models.CharField(max_length=20)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "role"], name="one_appointment_a_role")]

    def __str__(self) -> str:
        return f"{self.user} as {self.role}"


UNUSED_AFTER = dt.timedelta(days=30)
EXPIRING_WITHIN = dt.timedelta(days=14)
OLD_AFTER = dt.timedelta(days=180)


class ApiKeys(models.QuerySet["ApiKey"]):
    """Many keys."""

    def usable(self) -> ApiKeys:
        """Those that open something now."""
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()), revoked_at=None)

    def without_holder(self) -> ApiKeys:
        """Those whose holder is switched off or no member any more: they open nothing."""
        member = Membership.objects.filter(tenant=OuterRef("tenant"), user=OuterRef("holder"))
        return self.exclude(holder=None).filter(Q(holder__is_active=False) | ~Exists(member))

    def in_state(self, state: str) -> ApiKeys:
        """Those in one of the states of `ApiKey.state`, those that are `usable`, `old`, `powerful` or `stopped`."""
        now = timezone.now()
        idle = Q(last_used_at=None, created_at__lte=now - UNUSED_AFTER)
        soon = Q(expires_at__lte=now + EXPIRING_WITHIN)
        match state:
            case "revoked":
                return self.exclude(revoked_at=None)
            case "expired":
                return self.filter(revoked_at=None, expires_at__lte=now)
            case "expiring":
                return self.usable().filter(soon)
            case "unused":
                return self.usable().filter(idle).exclude(soon)
            case "active":
                return self.usable().exclude(soon).exclude(idle)
            case "old":
                return self.usable().filter(created_at__lte=now - OLD_AFTER)
            case "powerful":
                production = Q(environment__kind="production", allowed_routes=[], allowed_networks=[])
                return self.usable().filter(production)
            case "stopped":
                return self.usable().without_holder()
            case "usable":
                return self.usable()
        return self.none()


class ApiKey(models.Model):
    """A secret of an environment. Only its keyed hash is kept; see `tenants.keys`."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="keys")
    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="keys")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=40, unique=True, help_text="the part that may be shown")
    secret_hash = models.CharField(max_length=64)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    # Whose it is: it opens nothing while they are switched off or no member (`tenants.key_holder`). Nobody's: the
    # environment's own, as all were once, and those that the platform issues.
    holder = models.ForeignKey(User, on_delete=models.CASCADE, null=True, blank=True, related_name="held_keys")
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    # Seen where it must not be (`tenants.leaks`); nobody in `leaked_by`: it was handed in from outside.
    leaked_at = models.DateTimeField(null=True, blank=True)
    leaked_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    leaked_where = models.CharField(max_length=300, blank=True)
    replaces = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="successors", editable=False
    )
    # What it is narrowed to (`tenants.key_scope`); empty: every granted route, any network.
    allowed_routes = ArrayField(models.CharField(max_length=120), default=list, blank=True)
    allowed_networks = ArrayField(models.CharField(max_length=50), default=list, blank=True)

    objects = ApiKeys.as_manager()

    class Meta:
        verbose_name = "API key"
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["tenant", "environment", "-created_at"])]
        constraints = [
            models.UniqueConstraint(fields=["replaces"], condition=Q(revoked_at=None), name="one_successor_a_key")
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def is_usable(self) -> bool:
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > timezone.now())

    @property
    def state(self) -> str:
        """`revoked`, `expired`, `expiring` (within 14 days), `unused` (never in 30 days) or `active`."""
        now = timezone.now()
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at is not None and self.expires_at <= now + EXPIRING_WITHIN:
            return "expired" if self.expires_at <= now else "expiring"
        if self.last_used_at is None and self.created_at <= now - UNUSED_AFTER:
            return "unused"
        return "active"

    @property
    def is_powerful(self) -> bool:
        """Whether it opens all that production was granted, from anywhere: more than most programs need."""
        return (
            self.is_usable
            and self.environment.kind == "production"
            and not (self.allowed_routes or self.allowed_networks)
        )

    @property
    def is_old(self) -> bool:
        """Whether it is time to replace it."""
        return self.is_usable and self.created_at <= timezone.now() - OLD_AFTER
