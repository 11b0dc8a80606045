"""What a request rests on: collected from the product by what rooms register, or given by people; each with its source,
its time, its hash, and when it grows stale."""
