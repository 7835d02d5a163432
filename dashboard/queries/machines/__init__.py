"""Machines that report themselves: the list, shares, ages, the last 24 hours."""
