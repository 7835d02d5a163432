"""Months: closings, billing bases, and the days whose state is known."""
