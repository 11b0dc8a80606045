"""Bring public knowledge of models into the catalog.

`offers` reads what providers ask for (genai-prices), `known` what is known of models (the vendored model map),
`names` and `makers` decide which of those are the same model, `drafting` joins them, `writing` makes the database
agree with the drafts and tells what changed. `run` is the verb.
"""
