"""What was asked and answered in calls, kept where a tenant's policy says so: encrypted, for a while, erasable."""
