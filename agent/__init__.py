"""The agent: reports one machine to the server. It imports no other package of the project."""

__version__ = "1.0.0"
"""Equal to `db.__version__`, which the agent may not import; a test compares them."""
