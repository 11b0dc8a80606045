"""What lets Atrium run without any server of yours: a Postgres of its own and a local model, both from wheels."""
