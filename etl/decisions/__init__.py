"""What people decide, carried out: one module per subject, a registry of handlers, undo and
preview."""
