"""Talking to a vendor: HTTP, retries, paging, OAuth tokens."""
