from django.apps import AppConfig


class ApprovalsConfig(AppConfig):
    name = "approvals"

    def ready(self) -> None:
        from approvals import subjects
        from approvals.contributions import register
        from approvals.delegation.asking import DELEGATION
        from approvals.evidence.collecting import when_sent
        from approvals.leaving import REQUESTS
        from approvals.policy_changes import POLICY_CHANGE
        from approvals.reach import tell_of_leaving
        from approvals.scoping import tenants_before
        from audit.record import when_recorded
        from tenants.activation import deactivated
        from tenants.moving import ends_with_a_move
        from tenants.reach import adds_reach

        register()
        when_recorded(when_sent)
        subjects.register(DELEGATION)
        subjects.register(POLICY_CHANGE)
        adds_reach(tenants_before)
        ends_with_a_move(REQUESTS)
        deactivated.connect(tell_of_leaving, dispatch_uid="approvals.reach")
