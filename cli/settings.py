"""The settings of a command: read whole before it begins."""

from collections.abc import Callable
from functools import update_wrapper
from typing import Any, Concatenate

import click
from sqlalchemy import URL

from cli.logs import configure_logs
from db.settings import ENV_FILE, Settings, active_settings, load, use


def process_settings() -> Settings:
    """The settings of this process: its environment, then `.env` in the current folder.

    Raises:
        WrongSettings: at least one is wrong.
    """
    return load(env_file=ENV_FILE)


def renewed_settings() -> Settings:
    """The settings of this process with its secrets read again, for its next run.

    Raises:
        SettingsError: they cannot be read as they are now.
    """
    return active_settings().with_secrets_of(process_settings())


def renewed_database() -> URL:
    """The database's address with the user and the password as they are now.

    Raises:
        SettingsError: the settings cannot be read as they are now.
    """
    return renewed_settings().database


def pass_settings(
    command: Callable[Concatenate[Settings, ...], Any],
) -> Callable[..., Any]:
    """Decorates a command: hands it the settings of this process, and logs as they say."""

    @click.pass_context
    def with_settings(context: click.Context, /, *arguments: Any, **options: Any) -> Any:
        settings = process_settings()
        use(settings)
        # For tests, which run several commands in one process.
        context.call_on_close(lambda: use(None))
        configure_logs(settings.log_level)
        return context.invoke(command, settings, *arguments, **options)

    return update_wrapper(with_settings, command)
