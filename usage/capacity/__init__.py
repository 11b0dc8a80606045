"""What routes and deployments take of all tenants together: limits that the platform sets, as it has bought them."""
