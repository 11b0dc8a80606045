from django.apps import AppConfig


class TenantsConfig(AppConfig):
    name = "tenants"

    def ready(self) -> None:
        from tenants.cards import register
        from tenants.directory import restoring, standing

        register()
        standing.listen()
        restoring.listen()
