"""The audit log, and the versions of the rules."""
