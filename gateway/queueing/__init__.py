"""Where calls wait for room at a deployment that is full: whose turn it is, and what is told to who is refused."""
