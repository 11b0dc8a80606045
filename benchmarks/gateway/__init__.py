"""What the gateway costs and how fairly it shares."""
