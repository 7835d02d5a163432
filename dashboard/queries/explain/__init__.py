"""What a figure is made of: for the "Why this number?" drawer."""
