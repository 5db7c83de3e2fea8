"""The schema of the poll: what Greenroom asks about it, and `python3 schema.py [VERSION]`, which migrates."""
import os
import sqlite3
import sys
from pathlib import Path

FOLDER = Path(__file__).parent / "migrations"
# Schemas that the queries of poll.py work with: the next step adds a column that they do not name.
CODE_MIN, CODE_MAX = 1, 2
# How long a write waits for another process's write: two releases share the file during a swap.
BUSY_S = 5


def connect():
    """Opens the database in DATA_DIR, which all releases share. A connection belongs to one thread."""
    folder = Path(os.environ.get("DATA_DIR", "data"))
    folder.mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(folder / "poll.db", timeout=BUSY_S, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    return db


def version(db):
    """SQLite keeps the number of the last migration itself; 0 before the first."""
    return db.execute("PRAGMA user_version").fetchone()[0]


def status(db):
    """The five fields of the schema status."""
    current = version(db)
    return {
        "current_schema_version": current,
        "code_min_schema_version": CODE_MIN,
        "code_max_schema_version": CODE_MAX,
        "pending_migrations": sum(step > current for step in steps()),
        "compatible": CODE_MIN <= current <= CODE_MAX,
    }


def steps():
    """Number to file of the migrations that this release brings, in order."""
    return {int(file.name[:4]): file for file in sorted(FOLDER.glob("[0-9]*.sql"))}


def migrate(db, target):
    """Applies what is missing up to the target, each step whole or not at all."""
    for step, file in steps().items():
        # Looked up with the lock held: somebody else may migrate as well.
        db.execute("BEGIN IMMEDIATE")
        try:
            if version(db) < step <= target:
                for statement in statements(file.read_text()):
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {step:d}")
                print(f"applied {file.name}")
            db.execute("COMMIT")
        except sqlite3.Error:
            db.execute("ROLLBACK")
            raise


def statements(sql):
    """One by one: executescript() would commit what is open."""
    text = ""
    for line in sql.splitlines(keepends=True):
        text += line
        if sqlite3.complete_statement(text):
            yield text
            text = ""


if __name__ == "__main__":
    database = connect()
    migrate(database, int(sys.argv[1]) if len(sys.argv) > 1 else max(steps()))
    print(f"the schema is at version {version(database)}")
