"""The register of models in use: one row a version, with who answers for it and what is not known of it."""
