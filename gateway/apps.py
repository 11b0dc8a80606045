from django.apps import AppConfig


class GatewayConfig(AppConfig):
    name = "gateway"

    def ready(self) -> None:
        from approvals.delegation import capabilities
        from catalog import dialects
        from gateway.guardrail_capability import CAPABILITY
        from gateway.providers import known

        capabilities.register(CAPABILITY)
        for each in known().values():
            dialects.register(each)
