"""The schema of the poll: what Greenroom asks about it, and `python3 schema.py [VERSION]`, which migrates."""
import os
import sqlite3
import sys
import time
from pathlib import Path

from queries import CODE_MAX, CODE_MIN

FOLDER = Path(__file__).parent / "migrations"
# How long a write waits for another process's write: two releases share the file during a swap.
BUSY_S = 5


def connect():
    """Opens the database in DATA_DIR, which all releases share. A connection belongs to one thread."""
    folder = Path(os.environ.get("DATA_DIR", "data"))
    folder.mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(folder / "poll.db", timeout=BUSY_S, isolation_level=None)
    use_wal(db)
    return db


def use_wal(db):
    """SQLite does not wait for another process that makes a new file's journal just now: it says at once that the file is locked."""
    deadline = time.monotonic() + BUSY_S
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


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
    files = [file for file in FOLDER.glob("[0-9]*.sql") if not file.name.endswith(".down.sql")]
    return {int(file.name[:4]): file for file in sorted(files)}


def migrate(db, target):
    """Applies what is missing up to the target, or takes back what is beyond it, each step whole or not at all."""
    while True:
        db.execute("BEGIN IMMEDIATE")
        try:
            # Looked up with the lock held: somebody else may migrate as well.
            done = step(db, version(db), target)
            db.execute("COMMIT")
        except BaseException:
            db.execute("ROLLBACK")
            raise
        if done is None:
            return
        print(done)


def step(db, current, target):
    """One step nearer to the target; None when there is none to take."""
    following = [number for number in steps() if current < number <= target]
    if current > target:
        file = steps().get(current, FOLDER / "none").with_suffix(".down.sql")
        if not file.exists():
            sys.exit(f"Version {current} was not taken back: this release has no migration that undoes it.")
        reached = max([number for number in steps() if number < current], default=0)
    elif following:
        reached = following[0]
        file = steps()[reached]
    else:
        return None
    for statement in statements(file.read_text()):
        db.execute(statement)
    db.execute(f"PRAGMA user_version = {reached:d}")
    return f"{'took back' if current > target else 'applied'} {file.name}"


def statements(sql):
    """One by one: executescript() would commit what is open."""
    text = ""
    for line in sql.splitlines(keepends=True):
        text += line
        if sqlite3.complete_statement(text):
            yield text
            text = ""
    # The last one may lack its semicolon.
    if text.strip():
        yield text


if __name__ == "__main__":
    database = connect()
    migrate(database, int(sys.argv[1]) if len(sys.argv) > 1 else max(steps()))
    print(f"the schema is at version {version(database)}")
