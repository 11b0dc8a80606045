"""When usage's jobs are sent: every how many seconds, by the name of the task; and which at a start."""

EVERY_S = {
    "usage.bring_prices_to_lists": 60,
    "usage.warn_of_budgets": 60,
    "usage.forget_live_calls": 60,
    "usage.enforce_retention": 3600,
}
AT_START = ("usage.bring_prices_to_lists", "usage.enforce_retention")
