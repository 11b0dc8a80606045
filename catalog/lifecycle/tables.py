"""The steps that a model version took in its life."""

from __future__ import annotations

import pgtrigger
from django.db import models
from django.db.models import Q
from django.utils import timezone

from catalog.lifecycle.states import TABLE, Lifecycle, Verb

_ALLOWED = Q()
for (_before, _verb), _transition in TABLE.items():
    _ALLOWED |= Q(before=_before.value, verb=_verb.value, after=_transition.to.value)


class LifecycleStep(models.Model):
    """One step: what it was before and after, why, by whom. `ends_on` is the day after which nobody should count on
    it any more, where the step names one. Never changed."""

    shared_because = "every tenant finds the same catalog"

    version = models.ForeignKey("catalog.ModelVersion", on_delete=models.CASCADE, related_name="steps")
    verb = models.CharField(max_length=10, choices=Verb)
    before = models.CharField(max_length=12, choices=Lifecycle)
    after = models.CharField(max_length=12, choices=Lifecycle)
    reason = models.CharField(max_length=300)
    ends_on = models.DateField(null=True, blank=True)
    by = models.CharField(max_length=200)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["version", "-at"])]
        constraints = [models.CheckConstraint(condition=_ALLOWED, name="lifecycle_step_allowed")]
        triggers = [pgtrigger.Protect(name="frozen", operation=pgtrigger.Update)]

    def __str__(self) -> str:
        return f"{self.version}: {self.before} → {self.after}"
