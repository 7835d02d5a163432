"""What was said of devices over time: stretches, changes between two days, kept days, runs."""
