"""Coverage findings: what sources disagree on, refreshed day by day."""
