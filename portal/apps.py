from django.apps import AppConfig, apps


class PortalConfig(AppConfig):
    name = "portal"

    def ready(self) -> None:
        from django.db.models.signals import post_migrate

        from portal import (
            audit_watch,
            beginning,
            checks,  # noqa: F401  (registers them)
            holding,
            jobs,
            logged_address,
            sign_ins,
        )
        from portal.celery import app  # noqa: F401  (so that `shared_task` finds its app in every process)
        from portal.database import policies, privileges
        from portal.platform import register

        tables = apps.get_app_config("tenants")  # one of those that are told; this one has no models
        post_migrate.connect(policies.after_migrations, sender=tables, dispatch_uid="portal.database.policies")
        post_migrate.connect(privileges.after_migrations, sender=tables, dispatch_uid="portal.database.privileges")
        register()
        beginning.register()
        sign_ins.connect()
        jobs.connect()
        holding.connect()
        logged_address.connect()
        audit_watch.register()
