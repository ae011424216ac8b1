"""Reports in a file of SQLite: each with its day, and nothing of who sent it."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

from edge_deploy.core.errors import EdgeDeployError, UsageError
from edge_deploy.web.monitoring.visit_report import VisitReport, encode, parse

# "EDvr", https://www.sqlite.org/pragma.html#pragma_application_id: whose file it is.
_APPLICATION = 0x45447672
_TABLE = "CREATE TABLE reports (id TEXT PRIMARY KEY, day TEXT, report BLOB) STRICT"
_KEYS = "sqlite_autoindex_reports_1"  # what SQLite makes of the primary key


class ReportStore:
    """The file, open for writing.

    Several processes may have it open; what ``add`` returned from is on the disk.
    """

    def __init__(self, path: Path, most_bytes: int) -> None:
        """Open a file, or make it.

        Args:
            path: Where it is.
            most_bytes: What it may grow to.

        Raises:
            UsageError: It is not a file of ours, or cannot be written.
            EdgeDeployError: The disk is full.
        """
        made = not path.exists()
        self._lock = threading.Lock()
        self.path = path
        try:
            self._database = sqlite3.connect(path, timeout=20, check_same_thread=False)
        except sqlite3.Error as error:
            raise _unusable(path, error) from error
        try:
            self._prepare(most_bytes)
        except sqlite3.Error as error:
            self._database.close()
            if made and path.is_file() and not path.stat().st_size:
                path.unlink()
            if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
                raise EdgeDeployError(
                    f"{path}: cannot be written ({error}). Free some space or name another file."
                ) from error
            raise _unusable(path, error) from error
        except UsageError:
            self._database.close()
            raise

    def _prepare(self, most_bytes: int) -> None:
        database = self._database
        _check_own(database, self.path)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")  # what is committed is on the disk
        (size,) = database.execute("PRAGMA page_size").fetchone()
        database.execute(f"PRAGMA max_page_count = {max(most_bytes // size, 8)}")
        with database:
            database.execute(f"PRAGMA application_id = {_APPLICATION}")
            database.execute(_TABLE.replace("TABLE", "TABLE IF NOT EXISTS", 1))

    def add(self, report: VisitReport, day: date) -> bool:
        """Keep a report.

        Args:
            report: What was sent.
            day: When, in UTC.

        Returns:
            Whether it is new: one that is there already is not counted again.

        Raises:
            EdgeDeployError: It cannot be written.
        """
        row = (report.id, day.isoformat(), encode(report))
        try:
            with self._lock, self._database:
                done = self._database.execute("INSERT OR IGNORE INTO reports VALUES (?, ?, ?)", row)
            return bool(done.rowcount == 1)
        except sqlite3.Error as error:
            raise EdgeDeployError(f"{self.path}: a report cannot be kept ({error}).") from error

    def __enter__(self) -> ReportStore:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._database.close()


def read_reports(path: Path) -> Iterator[tuple[date, VisitReport]]:
    """All reports of a file, the oldest first; it may be written meanwhile.

    Raises:
        UsageError: There is no such file, or it is none of ``collect``.
    """
    if not path.is_file():
        raise UsageError(f"{path}: no such file. `edge-deploy collect` makes one of this name.")
    try:
        with closing(sqlite3.connect(path, timeout=20)) as database:
            _check_own(database, path, new=False)
            for day, report in database.execute("SELECT day, report FROM reports ORDER BY day, id"):
                yield date.fromisoformat(day), parse(report)
    except (sqlite3.Error, ValueError, TypeError) as error:
        raise UsageError(f"{path}: cannot be read as reports ({error}).") from error


def _unusable(path: Path, error: sqlite3.Error) -> UsageError:
    return UsageError(
        f"{path}: cannot be used for reports ({error}). Name a new file, in a folder that is there "
        "and can be written."
    )


def _check_own(database: sqlite3.Connection, path: Path, new: bool = True) -> None:
    """Nothing is written into a database of somebody else, or read from it.

    One that only says that it is ours may compute without end where it is read: it has views.
    """
    database.execute("PRAGMA trusted_schema = OFF")
    (known,) = database.execute("PRAGMA application_id").fetchone()
    there = database.execute("SELECT name, sql FROM sqlite_master ORDER BY rootpage").fetchall()
    if new and known == 0 and not there:
        return
    if known != _APPLICATION or dict(there) not in ({}, {"reports": _TABLE, _KEYS: None}):
        raise UsageError(f"{path} is a database, and not one of edge-deploy collect.")
