from django.apps import AppConfig


class GatewayConfig(AppConfig):
    name = "gateway"

    def ready(self) -> None:
        from approvals.delegation import capabilities
        from gateway.guardrail_capability import CAPABILITY

        capabilities.register(CAPABILITY)
