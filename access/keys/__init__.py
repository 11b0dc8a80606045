"""Keys where the platform decides on them: asked for, permitted, and then issued by who asked."""
