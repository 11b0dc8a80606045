from django.apps import AppConfig


class ApprovalsConfig(AppConfig):
    name = "approvals"

    def ready(self) -> None:
        from approvals.contributions import register
        from approvals.reach import tell_of_leaving
        from tenants.activation import deactivated

        register()
        deactivated.connect(tell_of_leaving, dispatch_uid="approvals.reach")
