"""ALONE: the program that reports one machine. It imports no other room, and none imports it."""
