"""What changed on a model or one of its versions, in one table: for its page, and for decisions that rest on it."""
