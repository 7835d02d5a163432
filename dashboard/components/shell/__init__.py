"""What surrounds every page: top bar, filters, freshness strip, running jobs."""
