"""Publishing a day: stretches, counts, retention, undo."""
