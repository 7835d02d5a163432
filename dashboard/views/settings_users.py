"""What the page of users asks for: somebody is added, or changed with a button of the dialog."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from flask_babel import gettext as _

from dashboard.components.kit.once import shown_once
from dashboard.components.settings.users import Ids, enabled_parts
from dashboard.web.context import current, current_actor, own_address, sender_address
from db import sessions, users

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
            token = sessions.invite(connection, user, *by)
    except users.UserError as error:
        return {"once": None, "wrong": str(error)}
    changed = f"{user_id} {current().clock()}"
    return {"once": _link(user.name, token), "wrong": None, "changed": changed, "name": ""}


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
            elif button == Ids.LINK:
                shown = {"done": _link(user.name, sessions.invite(connection, user, *by))}
            elif button == Ids.SIGN_OUT:
                users.sign_out_everywhere(connection, user, *by)
                shown = {"done": _("%(name)s is signed out everywhere.", name=user.name)}
            elif button == Ids.DISABLE:
                users.set_enabled(connection, user, not user.enabled, *by)
                shown = _enabled(user.name, is_enabled=not user.enabled)
    except users.UserError as error:
        return {"is_open": True, "done": None, "wrong": str(error)}
    changed = f"{user_id} {button} {current().clock()} {clicks}"
    return {"is_open": True, "done": None, "wrong": None, "changed": changed} | shown


def _enabled(name: str, *, is_enabled: bool) -> dict[str, Any]:
    done = (
        _("%(name)s can sign in again.", name=name)
        if is_enabled
        else _("%(name)s is disabled and signed out everywhere.", name=name)
    )
    return {"done": done, **enabled_parts(is_enabled=is_enabled)}


def _author() -> Author:
    return current_actor().name, current().clock(), {"address": sender_address()}


def _link(name: str, token: str) -> Any:
    return shown_once(
        _("Link for %(name)s", name=name),
        f"{own_address()}/invite/{token}",
        _("Send it to %(name)s: it works once, for 24 hours. It is not shown again.", name=name),
    )
