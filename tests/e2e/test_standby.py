"""A run whose Secret leads to a standby: it waits until the server takes writes, and says what to do."""

from localenv.postgres import PostgresServer
from support.cases import Case
from support.standby import StandbyServer


def test_a_run_on_a_standby_waits_and_goes_on_once_it_is_the_primary(
    postgres: PostgresServer, case: Case
) -> None:
    case.remember()
    database = case.database
    with StandbyServer(postgres) as standby:
        standby.wait_until_caught_up()
        uri = standby.uri(database.name, database.owner, database.password, sslmode="disable")
        case.apply(uri=uri)
        case.assert_waits("ReadOnly", "connect to the primary; a standby can't be written")
        with standby.connect() as connection:
            connection.execute("SELECT pg_promote()")
        status = case.migration.wait_for_end()
        assert status["phase"] == "Done", status
        with standby.connect(database.name) as connection:
            row = connection.execute("SELECT count(*) FROM user_profiles WHERE role = 'developer'").fetchone()
        assert row == (20,)
    case.assert_table_unchanged()
