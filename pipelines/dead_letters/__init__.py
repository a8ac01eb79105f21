"""What was not aggregated, for people: found, looked into, sent back to its topic, or marked as done with."""
