from django.apps import AppConfig


class GatewayConfig(AppConfig):
    name = "gateway"

    def ready(self) -> None:
        from approvals.delegation import capabilities
        from catalog import dialects, under_way
        from gateway.guardrail_capability import CAPABILITY
        from gateway.providers import known
        from gateway.routing import overview

        under_way.register(overview.under_way)
        capabilities.register(CAPABILITY)
        for each in known().values():
            dialects.register(each)
