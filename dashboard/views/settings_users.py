"""What the page of users asks for: somebody is added, or changed with a button of the dialog."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from flask_babel import gettext as _

from dashboard.base.i18n import translate_error
from dashboard.components.kit.once import shown_once
from dashboard.components.settings.users import Ids, enabled_parts
from dashboard.web.context import current, current_actor, own_address, sender_address
from db import sessions, users
from db.roles import ADMINISTRATOR, VIEWER

Author = tuple[str, datetime, dict[str, str]]
"""Who changes something, when, and from which network address."""
Wanted = tuple[str, Collection[int]]
"""The role and the sites that the dialog says; no site for every site."""


def add_person(name: str, role: str, sites: Collection[int]) -> dict[str, Any]:
    """Add somebody who sees these sites, or every site where there are none: the link, or why
    not."""
    by = _author()
    try:
        with current().writing() as connection:
            user_id = users.add(connection, name, role, *by)
            user = users.by_id(connection, user_id)
            assert user is not None, "it was added a moment ago"
            if sites:
                users.set_sites(connection, user, sites, *by)
            by_link = users.may_use_password(current().settings, role)
            token = sessions.invite(connection, user, *by) if by_link else None
    except users.UserError as error:
        return {"once": None, "wrong": translate_error(error)}
    changed = f"{user_id} {current().clock()}"
    once = let_in_words(user.name) if token is None else _link(user.name, token)
    return {"once": once, "wrong": None, "changed": changed, "name": ""}


def let_in_words(name: str) -> str:
    """How somebody signs in who has no password here."""
    settings = current().settings
    if settings.auth == "proxy":
        return str(_("The proxy lets %(name)s in: nobody chooses a password here.", name=name))
    return str(
        _("%(provider)s lets %(name)s in: %(name)s chooses no password here.", name=name,
          provider=settings.oidc_name)
    )  # fmt: skip


def form_words() -> str:
    """How whoever is added signs in."""
    settings = current().settings
    if settings.auth == "proxy":
        return str(_("The proxy lets the person in by this name: there is no password here"))
    if settings.auth != "oidc" or users.may_use_password(settings, VIEWER):
        return str(_("You get a link with which the person chooses a password"))
    by_name = _("%(provider)s lets the person in by this name", provider=settings.oidc_name)
    if users.may_use_password(settings, ADMINISTRATOR):
        by_name += _("; an administrator also gets a link to choose a password")
    return str(by_name)


def change_person(
    user_id: int, button: str, wanted: Wanted, clicks: Sequence[int | None]
) -> dict[str, Any]:
    """Do what a button of the dialog says: what the dialog shows then, or why not.

    Args:
        clicks: on every button so far; they make the same change once more a new one.
    """
    by, shown = _author(), {}
    try:
        with current().writing() as connection:
            user = users.by_id(connection, user_id)
            if user is None:
                raise users.UserError("This user is not there any more: reload the page.")
            if button == Ids.SAVE:
                role, sites = wanted
                users.set_role_and_sites(connection, user, role, sites or None, *by)
                shown = {"is_open": False}
            elif button == Ids.LINK and not users.may_use_password(current().settings, user.role):
                return {"is_open": True, "done": None, "wrong": let_in_words(user.name)}
            elif button == Ids.LINK:
                shown = {"done": _link(user.name, sessions.invite(connection, user, *by))}
            elif button == Ids.SIGN_OUT:
                users.sign_out_everywhere(connection, user, *by)
                shown = {"done": _("%(name)s is signed out everywhere.", name=user.name)}
            elif button == Ids.DISABLE:
                users.set_enabled(connection, user, not user.enabled, *by)
                shown = _enabled(user)
    except users.UserError as error:
        return {"is_open": True, "done": None, "wrong": translate_error(error)}
    changed = f"{user_id} {button} {current().clock()} {clicks}"
    return {"is_open": True, "done": None, "wrong": None, "changed": changed} | shown


def _enabled(was: Any) -> dict[str, Any]:
    """What the dialog shows of a user (a row of `users`, as it was) who could sign in before and
    cannot now, or the reverse."""
    is_enabled = not was.enabled
    done = (
        _("%(name)s can sign in again.", name=was.name)
        if is_enabled
        else _("%(name)s is disabled and signed out everywhere.", name=was.name)
    )
    by_password = users.may_use_password(current().settings, was.role)
    return {"done": done, **enabled_parts(is_enabled=is_enabled, may_use_password=by_password)}


def _author() -> Author:
    return current_actor().name, current().clock(), {"address": sender_address()}


def _link(name: str, token: str) -> Any:
    return shown_once(
        _("Link for %(name)s", name=name),
        f"{own_address()}/invite/{token}",
        _("Send it to %(name)s: it works once, for 24 hours. It is not shown again.", name=name),
    )
