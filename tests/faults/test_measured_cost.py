"""What a write took is told by whoever takes the run over: it was committed together with the rows."""

from support.stage import Stage, restart


def test_what_the_write_took_outlives_the_operator_that_measured_it(stage: Stage) -> None:
    operator = stage.start()
    with stage.held_in("Validating"):
        operator.kill9()
    operator.start()
    operator.wait_ready()
    plan = stage.assert_done()["plan"]
    assert plan["measuredSeconds"] >= plan["measuredWriteSeconds"] > 0
    assert plan["measuredWALBytes"] > 0


def test_it_is_known_even_when_the_operator_dies_before_it_could_note_anything(stage: Stage) -> None:
    """Held where the note after the COMMIT is written, so that only the write's own line is there."""
    operator = stage.start()
    with stage.gate.closed_on_the_note_of("Migrating", "Measured"):
        stage.apply()
        stage.gate.wait_for_visitor()
        restart(operator)
        status = stage.assert_done()
    assert stage.ledger.logged("Migrating", "Measured") == 0
    assert status["plan"]["measuredSeconds"] > 0
    assert status["plan"]["measuredWALOf"] == "Server"
