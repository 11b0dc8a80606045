"""The life of a model version: from proposed to retired, each step with its date, its reason and who took it."""
