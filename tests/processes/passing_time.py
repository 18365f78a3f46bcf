"""Time that passes only for rows: nobody waits minutes for a job that is done at once."""

from sqlalchemy import create_engine, text

from tests.running_system import RunningSystem


def do(system: RunningSystem, statement: str) -> None:
    """Change a row behind the product's back: let time pass, or look impatient."""
    engine = create_engine(f"sqlite:///{system.folder / 'quatrain.db'}", connect_args={"timeout": 15})
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


def no_waiting_for_jobs(system: RunningSystem) -> None:
    """Look at every job at once instead of when it is usually done."""
    do(system, "UPDATE stages SET due_at = '2000-01-01' WHERE state IN ('submitted', 'uncertain')")
