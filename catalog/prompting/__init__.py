"""What the template of a deployment's model takes of a prompt: as it is said, kept, and (raw models) written down."""
