"""Why somebody may not do something, in their language."""

from dataclasses import dataclass

from flask_babel import gettext as _

from dashboard.base.i18n import translate


@dataclass(frozen=True)
class Refusal:
    """What somebody may not do, in English, and the least role that may; None: only who sees every
    site may. `of_every_site`: it is a page of the settings, which are of every site."""

    doing: str
    role: str | None = None
    of_every_site: bool = False


def refusal_words(refusal: Refusal) -> str:
    """The sentence: "Closing a month needs the role manager. Ask an administrator."."""
    if refusal.of_every_site:
        return str(_("Settings are for people who see every site. Ask an administrator."))
    doing = translate(refusal.doing)
    if refusal.role is None:
        return str(
            _(
                "%(doing)s can touch sites that you do not see. Ask somebody who sees every site.",
                doing=doing,
            )
        )
    # `dashboard.words.roles` has the names of the roles.
    role = translate(refusal.role)
    words = _("%(doing)s needs the role %(role)s. Ask an administrator.", doing=doing, role=role)
    return str(words)
