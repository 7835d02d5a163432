"""Collection runs."""
