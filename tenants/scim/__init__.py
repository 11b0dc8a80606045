"""SCIM 2.0 (RFC 7643, RFC 7644) at `/scim/v2`: the one adapter between the SCIM libraries and our verbs.

`scim2-server` knows the protocol and `scim2-models` its schemas; here stands what they are told: which schemas we offer
(`schema`), where people and groups are found and kept (`storage`), filters as queries (`filters`), and who is let in
(`views`). Nothing else of ours imports them.
"""
