"""What we claim about speed and size, measured against the bare floor in the same run.

`python -m bench` fills our tables and, day by day beside them, the layout that we replaced (one
row per device and day, with its JSON), then asks both sides the same questions. It prints ratios:
milliseconds of one machine tell nobody anything.
"""

from etl.sources import register_discovered

register_discovered()
