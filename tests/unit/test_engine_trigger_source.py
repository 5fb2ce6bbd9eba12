"""What a trigger does to the row is told from its function's text, and what can't be told is unknown."""

import pytest

from roleshift.engine.facts.dependencies import Trigger
from roleshift.engine.trigger_source import TriggerEffect as Effect
from roleshift.engine.trigger_source import effect_of

WRITTEN = ("role", "seniority_level", "Migrated At")


def effect(source: str, *, language: str = "plpgsql", function: str = "f", before_row: bool = True) -> Effect:
    trigger = Trigger("t", "public.users", "trigger t", before_row, function, language, source)
    return effect_of(trigger, WRITTEN)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("RETURN NEW;", Effect.FIRES),
        ("return new;", Effect.FIRES),
        ("NEW.updated_at = now(); RETURN NEW;", Effect.FIRES),
        ("IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW;", Effect.FIRES),
        ("RETURN COALESCE(NEW, OLD);", Effect.FIRES),
        ("-- RETURN NULL\n RETURN NEW;", Effect.FIRES),
        ("/* RETURN\n NULL */ RETURN NEW;", Effect.FIRES),
        ("RAISE NOTICE 'return null; it''s'; RETURN NEW;", Effect.FIRES),
        ("IF NEW.role = OLD.role THEN NULL; END IF; RETURN NEW;", Effect.FIRES),
        ("IF NEW.id = 1 THEN RETURN NULL; END IF; RETURN NEW;", Effect.SWALLOWS),
        ("IF NEW.id = 1 THEN return\nnull; END IF; RETURN NEW;", Effect.SWALLOWS),
        ("RETURN OLD;", Effect.UNKNOWN),
        ("kept := OLD; RETURN kept;", Effect.UNKNOWN),
        ("RETURN COALESCE(OLD, NEW);", Effect.UNKNOWN),
        ("NEW.role = OLD.role; RETURN NEW;", Effect.OVERWRITES),
        ("IF true THEN NEW.Role := 'x'; END IF; RETURN NEW;", Effect.OVERWRITES),
        ("IF true THEN a := 1; ELSE new . \"role\" = 'x'; END IF; RETURN NEW;", Effect.OVERWRITES),
        ('NEW."Migrated At" = now(); RETURN NEW;', Effect.OVERWRITES),
        ('NEW."Role" = now(); RETURN NEW;', Effect.FIRES),
        ("SELECT role INTO NEW.role FROM others; RETURN NEW;", Effect.OVERWRITES),
        ("NEW.role = OLD.role; RETURN NULL;", Effect.SWALLOWS),
        ("RETURN (NEW);", Effect.FIRES),
        ("RETURN ( NULL );", Effect.SWALLOWS),
        ("RETURN (CASE WHEN OLD.id = 1 THEN NULL ELSE NEW END);", Effect.UNKNOWN),
        (
            "IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; IF OLD.kept THEN RETURN OLD; END IF; RETURN NEW;",
            Effect.UNKNOWN,
        ),
        ("NEW := OLD; RETURN NEW;", Effect.OVERWRITES),
        ("IF true THEN new = jsonb_populate_record(NEW, j); END IF; RETURN NEW;", Effect.OVERWRITES),
        ("SELECT * INTO STRICT NEW FROM users; RETURN NEW;", Effect.OVERWRITES),
        ("UPDATE public.users SET seniority_level = 'x' WHERE id = 1; RETURN NEW;", Effect.OVERWRITES),
        ("UPDATE users SET seen = now() WHERE role = 'x'; RETURN NEW;", Effect.FIRES),
        ("UPDATE other_users SET role = 'x'; RETURN NEW;", Effect.FIRES),
        ("IF NEW.role <> OLD.role THEN RAISE EXCEPTION 'no'; END IF; RETURN NEW;", Effect.REFUSES),
        ("IF NEW.role <> OLD.role THEN RAISE NOTICE 'so'; END IF; RETURN NEW;", Effect.FIRES),
        ("IF NEW.email IS NULL THEN RAISE 'no'; END IF; RETURN NEW;", Effect.FIRES),
    ],
)
def test_the_text_of_a_function_tells(body: str, expected: Effect) -> None:
    assert effect(f"BEGIN {body} END") is expected


def test_only_a_trigger_before_each_row_decides_about_the_row() -> None:
    assert effect("BEGIN RETURN NULL; END", before_row=False) is Effect.FIRES


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("IF NEW.role <> OLD.role THEN RAISE EXCEPTION 'no'; END IF;", Effect.REFUSES),
        ("UPDATE users SET seen = now(), role = OLD.role WHERE id = OLD.id;", Effect.OVERWRITES),
    ],
)
def test_every_trigger_can_refuse_the_write_or_write_again(body: str, expected: Effect) -> None:
    assert effect(f"BEGIN {body} RETURN NULL; END", before_row=False) is expected


@pytest.mark.parametrize(
    ("language", "function", "expected"),
    [
        ("c", "moddatetime", Effect.FIRES),
        ("internal", "tsvector_update_trigger", Effect.FIRES),
        ("internal", "suppress_redundant_updates_trigger", Effect.UNKNOWN),
        ("plpython3u", "anything", Effect.UNKNOWN),
    ],
)
def test_other_languages_are_known_by_name_or_not_at_all(
    language: str, function: str, expected: Effect
) -> None:
    assert effect("RETURN NEW", language=language, function=function) is expected


def test_a_text_that_was_too_long_to_be_read_is_unknown() -> None:
    assert effect("") is Effect.UNKNOWN
