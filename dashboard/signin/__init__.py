"""Signing in and out, links for choosing a password, and a person's own account: plain pages that
need no script."""
