"""The risk tier of a model version, and the page on which the rules are read."""
