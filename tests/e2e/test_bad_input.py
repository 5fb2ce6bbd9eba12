"""Bad input as people write it: each gets a reason, a message that says what to do, and changes nothing.

Every case ends with a look for the password in everything that can be seen. What is unusual and must work
is in test_shapes.py; what heals by itself in test_healing.py.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from localenv.database import Database
from localenv.kubectl import KubectlError
from localenv.ports import LOOPBACK
from localenv.postgres import PostgresServer
from localenv.tls_proxy import TlsProxy
from support.cases import CANARY, CANARY_AS_A_WORD, Case
from support.ledger_rows import LedgerRows
from support.migrations import MAPPINGS

CLOSED_PORT = 1
VERIFIED = {"sslMode": "VerifyFull", "caRef": {"kind": "ConfigMap", "name": "people-ca"}}

NO_URI = {
    "words": CANARY,
    "another scheme": f"https://app:{CANARY_AS_A_WORD}@example.org/people",
    "a wrong escape": f"postgresql://app:{CANARY_AS_A_WORD}%zz@127.0.0.1/people",
    "an unknown option": f"postgresql://app@127.0.0.1/people?passwort={CANARY_AS_A_WORD}",
    "an unknown sslmode": f"postgresql://app:{CANARY_AS_A_WORD}@127.0.0.1/people?sslmode=requir",
    "a bare slash in the password": f"postgresql://app:{CANARY_AS_A_WORD}/7@127.0.0.1/people",
    "a bare slash after digits": f"postgresql://app:1/{CANARY_AS_A_WORD}@127.0.0.1/people",
    "a bare at": f"postgresql://app:7@{CANARY_AS_A_WORD}@127.0.0.1/people",
    "a bare at and a slash": f"postgresql://app:7@1/{CANARY_AS_A_WORD}@127.0.0.1/people",
    "a port of letters": f"postgresql://app@127.0.0.1:{CANARY_AS_A_WORD}/people",
    "a port that is none": f"postgresql://app:{CANARY_AS_A_WORD}@127.0.0.1:65536/people",
}


class TestSecret:
    def test_a_missing_secret_is_named(self, case: Case) -> None:
        case.apply_without_secret()
        case.assert_waits("SecretNotFound", 'Secret "people-db"', case.migration.namespace, "create it there")

    def test_a_missing_key_is_named_and_so_are_those_that_are_there(self, case: Case) -> None:
        case.apply(connection={"secretRef": {"key": "url"}})
        case.assert_waits("SecretInvalid", 'has no key "url"', "its keys: uri", "add it")

    def test_a_missing_ca_is_named(self, case: Case) -> None:
        case.apply(connection=VERIFIED)
        case.assert_waits("SecretNotFound", 'ConfigMap "people-ca"', "create it there")

    def test_a_ca_that_is_no_certificate(self, case: Case) -> None:
        with TlsProxy(case.database.server.port) as proxy:
            case.migration.apply_manifest(config_map(case, "not in PEM, ünd not in ASCII"))
            case.apply(on_port(case.database, proxy.port), connection=VERIFIED)
            case.assert_waits("SecretInvalid", "what spec.connection.caRef names is no certificate", "PEM")

    @pytest.mark.parametrize("uri", NO_URI.values(), ids=NO_URI)
    def test_a_value_that_is_no_uri_is_not_repeated(self, case: Case, uri: str) -> None:
        case.apply(uri)
        case.assert_waits("SecretInvalid", "postgresql://user:password@host:5432/database", "percent-encode")


@pytest.fixture(scope="module")
def trusted_proxy(postgres: PostgresServer) -> Iterator[TlsProxy]:
    """TLS in front of the server, with a certificate that the operator's system trusts."""
    with TlsProxy(postgres.port) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def operator_environment(trusted_proxy: TlsProxy) -> dict[str, str]:
    """The environment of this file's operator."""
    return {"SSL_CERT_FILE": str(trusted_proxy.authority)}


class TestServer:
    def test_a_wrong_password(self, case: Case) -> None:
        case.apply(replace(case.database, password=f"{CANARY_AS_A_WORD}, wrong").uri)
        case.assert_waits(
            "AuthenticationFailed", case.database.owner, "correct user and password in the Secret"
        )

    def test_a_closed_port(self, case: Case) -> None:
        case.apply(on_port(case.database, CLOSED_PORT))
        case.assert_waits(
            "ServerUnreachable", f"{LOOPBACK}:{CLOSED_PORT}", "check host and port in the Secret"
        )

    def test_a_host_that_is_no_name(self, case: Case) -> None:
        case.apply(case.database.uri.replace(LOOPBACK, "people..example"))
        case.assert_waits("ServerUnreachable", "people..example", "check host and port in the Secret")

    def test_two_servers_of_which_none_answers(self, case: Case) -> None:
        where = f"{LOOPBACK}:{CLOSED_PORT}"
        case.apply(on_port(case.database, CLOSED_PORT).replace(where, f"{where},{where}"))
        case.assert_waits("ServerUnreachable", where, "check host and port in the Secret")

    def test_tls_that_the_server_does_not_speak_is_demanded_where_nobody_says_otherwise(
        self, case: Case
    ) -> None:
        case.apply(case.database.uri.partition("?")[0])
        case.assert_waits("TLSRefused", "enable ssl on the server", "spec.connection.sslMode: Prefer")

    def test_a_certificate_that_nobody_trusts(self, case: Case) -> None:
        with TlsProxy(case.database.server.port) as proxy:
            case.apply(on_port(case.database, proxy.port), connection={"sslMode": "VerifyFull"})
            case.assert_waits("TLSNotVerified", "give its CA in spec.connection.caRef")

    def test_a_certificate_that_the_system_trusts(self, case: Case, trusted_proxy: TlsProxy) -> None:
        case.apply(on_port(case.database, trusted_proxy.port), connection={"sslMode": "VerifyFull"})
        case.assert_done()

    def test_a_certificate_whose_authority_is_given(self, case: Case) -> None:
        with TlsProxy(case.database.server.port) as proxy:
            case.migration.apply_manifest(config_map(case, proxy.authority.read_text()))
            case.apply(on_port(case.database, proxy.port), connection=VERIFIED)
            case.assert_done()

    def test_a_database_that_is_not_there(self, case: Case) -> None:
        case.apply(replace(case.database, name="poeple").uri)
        case.assert_waits("DatabaseNotFound", '"poeple"', "correct the database's name in the Secret")


def on_port(database: Database, port: int) -> str:
    """The owner's URI without an sslmode, to another port."""
    plain = database.uri.partition("?")[0]
    return plain.replace(f":{database.server.port}/", f":{port}/")


def config_map(case: Case, authority: str) -> dict[str, Any]:
    """A ConfigMap with the authority's certificate."""
    metadata = {"name": "people-ca", "namespace": case.migration.namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"ca.crt": authority}}


class TestTable:
    def test_a_table_that_is_not_there_and_names_that_are_like_it(self, case: Case) -> None:
        case.apply(target={"table": "user_profile"})
        case.assert_refused(
            "TableNotFound",
            "no table public.user_profile,",
            "similar: public.user_profiles",
            "spec.target.table",
        )

    def test_a_column_that_is_not_there(self, case: Case) -> None:
        case.apply(target={"columns": {"role": "rolle"}})
        case.assert_refused("ColumnNotFound", 'no column "rolle"', "spec.target.columns.role")

    @pytest.mark.parametrize("kind", ["view", "materialized view"])
    def test_a_view_instead_of_a_table(self, case: Case, kind: str) -> None:
        case.database.execute(f"CREATE {kind} people AS SELECT * FROM user_profiles")
        case.apply(target={"table": "people"})
        case.assert_refused("NotATable", f"public.people is a {kind}", "name the table that it reads from")

    def test_a_table_without_a_key(self, case: Case) -> None:
        case.database.execute("ALTER TABLE user_profiles DROP CONSTRAINT user_profiles_pkey")
        case.apply()
        case.assert_refused("InvalidKey", "no primary key", "spec.target.keyColumns")

    def test_columns_that_the_table_lacks_with_both_answers(self, case: Case) -> None:
        case.database.execute("ALTER TABLE user_profiles DROP COLUMN previous_role")
        case.apply()
        case.assert_refused("MigrationColumnsMissing", "schemaChanges: AddMissing", 'previousRole: ""')

    def test_a_corrected_manifest_begins_anew(self, case: Case) -> None:
        case.apply(target={"table": "user_profile"})
        case.assert_refused("TableNotFound", "user_profiles")
        case.migration.apply()
        case.assert_done()


class TestRoles:
    def test_a_role_that_the_enum_lacks(self, case: Case) -> None:
        case.apply(mappings=[{**MAPPINGS[0], "to": "engineer"}, *MAPPINGS[1:]])
        case.assert_refused(
            "RoleNotInType",
            'user_role lacks "engineer"',
            "schemaChanges: AddMissing",
            "ALTER TYPE public.user_role",
        )
        labels = case.database.query("SELECT count(*) FROM pg_enum WHERE enumlabel = 'engineer'")
        assert labels == [(0,)]

    def test_a_role_that_no_mapping_names(self, case: Case) -> None:
        case.apply(mappings=MAPPINGS[1:])
        case.assert_refused("UnmappedRoles", '"junior_dev" (10 rows)', "add a mapping", "unmappedRoles: Keep")

    def test_rows_without_a_role(self, case: Case) -> None:
        case.database.execute("ALTER TABLE user_profiles ALTER role DROP NOT NULL")
        case.database.execute("UPDATE user_profiles SET role = NULL WHERE id <= 3")
        case.apply()
        case.assert_refused("NullRoles", "3 rows have no role (NULL)", "give them one", "unmappedRoles: Keep")

    def test_a_mapping_that_takes_the_last_administrator_away(self, case: Case) -> None:
        case.apply(
            mappings=[*MAPPINGS[:3], {"from": "admin", "to": "lead"}],
            privileges={"keepAtLeast": [{"role": "admin", "count": 1}]},
        )
        case.assert_refused(
            "TooFewLeft",
            "admin: 0 rows left, 1 demanded",
            "change spec.mappings",
            "spec.privileges.keepAtLeast",
        )

    def test_a_label_that_no_enum_can_hold(self, case: Case) -> None:
        case.apply(mappings=[*MAPPINGS[:3], {"from": "admin", "to": "é" * 32}], schemaChanges="AddMissing")
        case.assert_refused("RoleNotInType", "a label has at most 63 bytes", "change spec.mappings")

    def test_a_label_of_a_type_that_belongs_to_somebody_else(self, case: Case) -> None:
        with case.database.admin() as admin:
            admin.execute("ALTER TYPE user_role OWNER TO CURRENT_USER")
        case.apply(mappings=[*MAPPINGS[:3], {"from": "admin", "to": "owner"}], schemaChanges="AddMissing")
        owner = case.database.owner
        case.assert_refused("PermissionDenied", f'ALTER TYPE public.user_role OWNER TO "{owner}"')

    def test_a_domain_that_refuses_the_new_role(self, case: Case) -> None:
        case.database.execute("CREATE DOMAIN known AS user_role CHECK (VALUE <> 'lead')")
        case.database.execute("ALTER TABLE user_profiles ALTER role TYPE known")
        case.apply(schemaChanges="AddMissing")
        case.assert_refused(
            "RoleNotInType", 'column "role" refuses "lead"', "change spec.mappings, or the column"
        )

    def test_a_role_that_nobody_has_is_a_warning_that_names_it(self, case: Case) -> None:
        case.apply(mappings=[*MAPPINGS, {"from": "lead", "to": "manager"}])
        results = case.assert_done()["safety"]["results"]
        said = next(one for one in results if one["name"] == "RoleConsistency")
        assert said["result"] == "Warning"
        assert "nobody holds lead: correct the spelling in spec.mappings" in said["message"]


MAY_CREATE = "GRANT CREATE ON DATABASE {database} TO app"
MAY_READ = "GRANT SELECT ON user_profiles TO app"
MAY_WRITE = "GRANT UPDATE ON user_profiles TO app"
NEEDS_TO_CREATE = 'GRANT CREATE ON DATABASE "{database}" TO "app"'
NEEDS_BOTH = 'GRANT SELECT, UPDATE ON "public"."user_profiles" TO "app"'
NEEDS_TO_WRITE = 'GRANT UPDATE ON "public"."user_profiles" TO "app"'
NEEDS_THE_SCHEMA = 'GRANT USAGE ON SCHEMA "public" TO "app"'
NEEDS_THE_LEDGER = 'GRANT USAGE, CREATE ON SCHEMA roleshift TO "app"'

# What is done beforehand, and what the message has to name.
RIGHTS: dict[str, tuple[list[str], list[str]]] = {
    "nothing": ([], [NEEDS_TO_CREATE, NEEDS_BOTH]),
    "no right to the table": ([MAY_CREATE], [NEEDS_BOTH]),
    "no right to write": ([MAY_CREATE, MAY_READ], [NEEDS_TO_WRITE]),
    "no right to the schema": (
        [MAY_CREATE, MAY_READ, MAY_WRITE, "REVOKE USAGE ON SCHEMA public FROM public"],
        [NEEDS_THE_SCHEMA],
    ),
    "no right to the ledger": (
        [MAY_CREATE, MAY_READ, MAY_WRITE, "CREATE SCHEMA roleshift"],
        [NEEDS_THE_LEDGER],
    ),
    "no right to the ledger's tables": (
        [
            *(MAY_READ, MAY_WRITE, "CREATE SCHEMA roleshift"),
            "GRANT USAGE, CREATE ON SCHEMA roleshift TO app",
            "CREATE TABLE roleshift.ledger_version (version int)",
        ],
        ["can't read roleshift.ledger_version", "roleshift sql --role"],
    ),
}


class TestRights:
    @pytest.mark.parametrize(("given", "says"), RIGHTS.values(), ids=RIGHTS)
    def test_the_grant_is_named(self, case: Case, app: Database, given: list[str], says: list[str]) -> None:
        with app.admin() as admin:
            for statement in given:
                admin.execute(statement.format(database=app.name))
        case.apply(app.uri)
        case.assert_refused("PermissionDenied", *(text.format(database=app.name) for text in says))

    @pytest.fixture
    def app(self, case: Case) -> Iterator[Database]:
        """The database as a role `app` sees it that owns nothing."""
        server = case.database.server
        server.create_role("app", CANARY)
        yield replace(case.database, owner="app")
        server.drop_database(case.database.name)
        server.drop_role("app")


@pytest.mark.parametrize("planned", ["0123456789abcdef", "md5:0123", "sha256:", "sha256:01 23", ""])
def test_the_api_server_refuses_the_hash_of_no_plan(case: Case, planned: str) -> None:
    says = r"spec\.approval\.planHash: .*must be the hash of a plan, sha256:… without spaces: copy it from"
    with pytest.raises(KubectlError, match=says):
        case.apply(approval={"policy": "Manual", "planHash": planned})
    assert case.migration.kubectl("get", "rolemig", "--output=name") == ""


def test_the_api_server_refuses_an_invalid_spec_and_keeps_nothing(case: Case) -> None:
    with pytest.raises(KubectlError, match=r"spec\.target\.columns\.seniority"):
        case.apply(target={"columns": {"seniority": ""}})
    assert case.migration.kubectl("get", "rolemig", "--output=name") == ""
    assert LedgerRows(case.database).run == {}
