"""The request: its context, what it asks, who asks, and the jobs it may start."""
