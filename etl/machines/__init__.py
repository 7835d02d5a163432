"""Matching: which records are one machine. Identities, links, match keys, suggestions."""
