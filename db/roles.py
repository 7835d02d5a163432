"""The roles that an actor can have, the least first."""

PUBLIC, MACHINE = "public", "machine"
VIEWER, MANAGER, ADMINISTRATOR = "viewer", "manager", "administrator"
ROLES = (PUBLIC, MACHINE, VIEWER, MANAGER, ADMINISTRATOR)
