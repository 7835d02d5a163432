"""Tests, flat, prefixed by room. `servers` starts what they talk to, `conftest` hands it out."""

from etl.sources import register_discovered

register_discovered()
