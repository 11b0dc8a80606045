"""Who decides: for each capability the platform, the platform above a threshold, or the tenant itself."""
