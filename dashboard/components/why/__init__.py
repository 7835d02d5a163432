"""The "Why this number?" drawer."""
