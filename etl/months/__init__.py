"""Closing months, their members, and imported counts."""
