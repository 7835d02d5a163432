"""What the dialog says before a decision is requested: one module per subject."""
