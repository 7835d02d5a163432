"""Devices: the list, one device's history, payloads, and the records of one asset."""
