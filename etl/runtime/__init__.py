"""The worker's lease, stopping on signals, pausing garbage collection."""
