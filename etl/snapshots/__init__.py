"""Snapshots: publishing a day, its counts, retention, undo, and the effect of decisions."""
