"""Errors whose sentence the dashboard shows in its reader's language."""


class TranslatableError(ValueError):
    """What is not possible and what to do instead, as an English sentence with named places
    (`%(name)s`) and what to put there. `str()` is the English;
    `dashboard.base.i18n.translate_error` is for people."""

    def __init__(self, text: str, /, **values: object) -> None:
        super().__init__(text % values if values else text)
        self.text, self.values = text, values
