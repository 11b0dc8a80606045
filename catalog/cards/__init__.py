"""Model cards: what is said of a model version, in the common form of Markdown with YAML before it."""
