"""Between the neutral form of a prompt and a provider's kind: a prompt is put as the deployment's model takes it."""
