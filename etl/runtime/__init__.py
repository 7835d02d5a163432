"""The worker's lease, stopping on signals, pausing the garbage collector."""
