"""Months: counts, states, billing bases, presence, invoice packs."""
