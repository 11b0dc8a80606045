"""Where calls wait for room at a deployment that is full: whose turn it is, for how long, and what who is refused is told."""
