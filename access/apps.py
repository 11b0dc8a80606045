from django.apps import AppConfig


class AccessConfig(AppConfig):
    name = "access"

    def ready(self) -> None:
        from access import holders
        from access import standing as standings
        from access.asking import ACCESS, MODELS
        from access.bringing import refuse_undecided
        from access.contributions import register
        from access.keys import capability
        from access.keys.asking import ASKING_FOR_A_KEY
        from access.keys.permits import open_gate
        from access.onboarding.subject import NEW_TENANTS, ONBOARDING
        from access.retirement import tell_holders
        from approvals import subjects
        from approvals.delegation import capabilities
        from catalog import standing
        from catalog.lifecycle.moving import when_moved
        from catalog.register import holding
        from tenants import keys
        from tenants.moving import asks_before_a_move

        for kind in (ACCESS, ONBOARDING, ASKING_FOR_A_KEY):
            subjects.register(kind)
        for each in (NEW_TENANTS, MODELS, capability.CAPABILITY):
            capabilities.register(each)
        keys.goes_through(open_gate)
        when_moved(tell_holders)
        asks_before_a_move(refuse_undecided)
        standing.register(standings)
        holding.register(holders)
        register()
