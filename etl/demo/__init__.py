"""Simulated vendors: Flask apps that speak each vendor's contract over one invented, seeded fleet
with a history. `inventory-hub demo` and the tests use the same ones, over real HTTP.

Nothing here is a real company, person, address or machine.
"""
