"""What waits for a person to decide: the inbox of Settings and the number beside it."""
