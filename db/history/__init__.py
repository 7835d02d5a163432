"""The stored history of devices: state on a day, changes between two days, kept days, runs."""
