"""Tests, flat, prefixed by room. `servers` starts what they talk to, `conftest` hands it out."""
