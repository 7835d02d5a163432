"""`grants` prints the rights of the database users."""

from tests.support.cli import CliHere


def test_the_statements_are_those_of_the_configured_database(cli: CliHere) -> None:
    printed = cli("grants", "--web", "web_1", DATABASE_URL="postgresql://a:b@db.example.com/hub")
    assert printed.exit_code == 0
    assert 'GRANT SELECT ON ALL TABLES IN SCHEMA public TO "web_1";' in printed.stdout
    assert "inventory_hub_worker" in printed.stdout and "b@" not in printed.stdout


def test_a_database_without_users_and_a_strange_name_are_refused(cli: CliHere) -> None:
    strange = cli("grants", "--web", 'a"b', DATABASE_URL="postgresql://a:b@h/hub")
    assert strange.exit_code == 2 and "letters, digits" in strange.stderr
    of_file = cli("grants")
    assert of_file.exit_code == 2 and "SQLite has no users" in of_file.stderr
