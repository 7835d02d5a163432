"""ALONE: the program that reports one machine. It imports no other room, and none imports it."""

__version__ = "0.1.0"
"""The product's version, said again: `db` is another room. A test holds the two together."""
