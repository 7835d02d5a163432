"""`inventory-hub`: registers the commands; loads .env; turns known errors into exit codes."""

import logging
import sys

import click
from sqlalchemy.exc import SQLAlchemyError

from cli.collect import collect_command, process_command
from cli.database import migrate_command
from cli.demo import demo_command
from cli.doctor import doctor_command
from cli.grants import grants_command
from cli.machines import machine_command
from cli.months import import_counts_command, month_command
from cli.serve import serve_command, worker_command
from cli.settings import process_settings
from cli.tatuscan import import_tatuscan_command
from cli.tokens import token_command
from cli.users import user_command
from db import __version__
from db.database_errors import advice
from db.settings import SettingsError
from etl.decisions.registry import DecisionRefused
from etl.runtime.lease import LeaseLost, LeaseTaken
from etl.snapshots.publish import PublishRefused

EXIT_USAGE, EXIT_FAILED, EXIT_BUSY = 2, 4, 5


class ErrorHandlingGroup(click.Group):
    """A group whose commands report known errors in one sentence and an exit code."""

    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except (SettingsError, DecisionRefused, PublishRefused) as error:
            _exit(error, EXIT_USAGE)
        except (LeaseTaken, LeaseLost) as error:
            _exit(error, EXIT_BUSY)
        except KeyboardInterrupt:
            _exit(
                "Stopped by a signal; what was not complete was not published. "
                "To go on, give the same command again.",
                EXIT_FAILED,
            )
        except SQLAlchemyError as error:
            _exit(advice(error, process_settings()), EXIT_FAILED)
        return None


def _exit(message: object, code: int) -> None:
    click.echo(str(message), err=True)
    sys.exit(code)


@click.group(cls=ErrorHandlingGroup)
@click.version_option(__version__, prog_name="inventory-hub")
def main() -> None:
    """Daily device counts per site, month by month, with every device behind every number."""


for command in (
    collect_command, demo_command, doctor_command, grants_command, import_counts_command,
    import_tatuscan_command, machine_command, migrate_command, month_command,
    process_command, serve_command, token_command, user_command, worker_command,
):  # fmt: skip
    main.add_command(command)

logging.captureWarnings(True)

if __name__ == "__main__":
    main()
