"""What a tenant asks of who comes in: an e-mail domain, a network, a second factor (docs/decisions/0027).

`domains` decides who may become a member, `closing` whom an open door is closed to now, `setting` changes what is
asked. `tenants.scope` and `tenants.scoping` keep to it for every page and every API call at once.
"""
