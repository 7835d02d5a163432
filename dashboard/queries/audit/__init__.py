"""The audit log, rule versions, and what waits for a decision."""
