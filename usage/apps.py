from django.apps import AppConfig


class UsageConfig(AppConfig):
    name = "usage"

    def ready(self) -> None:
        from approvals import subjects
        from approvals.delegation import capabilities
        from catalog import figures
        from tenants import sections
        from tenants.moving import asks_before_a_move, ends_with_a_move
        from usage import catalog_figures, contributions, price_capability, tenant_figures
        from usage.limits import succeeding
        from usage.limits.asking import KIND_OF_LIMITS
        from usage.limits.delegated import CAPABILITY
        from usage.limits.leaving import BOUNDS, refuse_losing

        figures.register(catalog_figures)
        sections.register(tenant_figures.CALLS)
        sections.register(tenant_figures.SPEND)
        contributions.register()
        ends_with_a_move(BOUNDS)
        asks_before_a_move(refuse_losing)
        succeeding.listen()
        subjects.register(KIND_OF_LIMITS)
        for each in (CAPABILITY, price_capability.CAPABILITY):
            capabilities.register(each)
