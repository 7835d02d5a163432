"""Benchmarks: what we claim about speed and size, each measured against a floor in the same run.

`python -m bench` fills our tables and, day by day beside them, the layout that we replaced (one
row per device and day, with its JSON), then runs the same queries on both. It prints ratios, since
milliseconds depend on the machine.
"""

from etl.sources import register_discovered

register_discovered()
