"""What of a Secret is a secret: the whole value, the password inside a URI, but no address or name."""

from roleshift.telemetry.redaction import MASK, Redactor


def test_the_password_of_a_uri_is_hidden_also_by_itself() -> None:
    redactor = Redactor()
    redactor.register_entry("uri", b"postgresql://app:kan%40ri-42@db:5432/people")
    assert redactor.redact("refused kan@ri-42 and kan%40ri-42") == f"refused {MASK} and {MASK}"


def test_a_password_of_its_own_is_hidden() -> None:
    redactor = Redactor()
    redactor.register_entry("password", b"kanari-42")
    assert redactor.redact("it was kanari-42") == f"it was {MASK}"


def test_addresses_and_names_stay_readable() -> None:
    redactor = Redactor()
    for key in ("host", "dbname", "user", "username", "port"):
        redactor.register_entry(key, b"people-db")
    assert redactor.redact("no connection to people-db") == "no connection to people-db"
