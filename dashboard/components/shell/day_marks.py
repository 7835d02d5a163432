"""Day marks of the two date pickers and their labels (drawn by assets/js/fields.js)."""

from typing import Any

from flask_babel import gettext as _

from dashboard.queries.collection_days import MARKS, DayMarks
from db.sources import source_label


def marks_data(marks: DayMarks) -> dict[str, Any]:
    """The days from `first` on as letters, together and by source; the class and the word of each
    letter; and what stands above the legend."""
    words = {
        "c": _("complete"),
        "s": _("suspicious"),
        "f": _("failed"),
        "m": _("missing"),
        "x": _("no longer kept"),
    }
    return {
        "first": marks.first.isoformat() if marks.first else None,
        "together": marks.all_sources,
        "sources": {source_label(source): letters for source, letters in marks.sources.items()},
        "words": words,
        "classes": MARKS,
        "about": _("A day without a complete snapshot shows the nearest earlier one."),
    }
