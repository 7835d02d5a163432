"""The roles that an actor can have, the least first."""

PUBLIC, MACHINE = "public", "machine"
VIEWER, MANAGER, ADMINISTRATOR = "viewer", "manager", "administrator"
USER_ROLES = (VIEWER, MANAGER, ADMINISTRATOR)
ROLES = (PUBLIC, MACHINE, VIEWER, MANAGER, ADMINISTRATOR)
