"""Roles and browsers in the words of people."""

from flask_babel import gettext as _

from db.roles import ADMINISTRATOR, MANAGER

# In the order in which they are looked for: Edge and Opera also name Chrome, Chrome names Safari.
_BROWSERS = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrome", "Chrome"),
             ("Safari", "Safari"))  # fmt: skip
_SYSTEMS = (("Windows", "Windows"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"),
            ("Mac OS", "macOS"), ("Linux", "Linux"))  # fmt: skip


def role_name(role: str) -> str:
    """The role as people call it."""
    return {ADMINISTRATOR: _("administrator"), MANAGER: _("manager")}.get(role, _("viewer"))


def role_about(role: str) -> str:
    """What a role may do, in a sentence."""
    return {
        ADMINISTRATOR: _("Everything, users and tokens too"),
        MANAGER: _("Decides: closes months, merges sites, accepts coverage gaps"),
    }.get(role, _("Sees everything and decides nothing"))


def browser_name(user_agent: str) -> str:
    """The browser and system of a User-Agent header: "Firefox on Linux"."""
    browser = next((name for key, name in _BROWSERS if key in user_agent), None)
    system = next((name for key, name in _SYSTEMS if key in user_agent), None)
    if browser is None:
        return user_agent[:40] or _("Unknown browser")
    return browser if system is None else _("%(browser)s on %(system)s", browser=browser,
                                            system=system)  # fmt: skip
