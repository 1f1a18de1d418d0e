"""The database of failing problems, which the next verification checks first: a folder, and optionally Redis."""

import contextlib
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from hypothesis.database import DirectoryBasedExampleDatabase, ExampleDatabase

if TYPE_CHECKING:
    from hypothesis.extra.redis import RedisExampleDatabase

__all__ = ["FOLDER", "FailureDatabase"]

#: The default folder; Hypothesis keeps its own database next to it.
FOLDER = ".hypothesis/handgrad"

#: Seconds before a server that did not answer is asked again.
RETRY_DELAY = 5.0


class FailureDatabase(ExampleDatabase):
    """Failing problems, in a folder and, if a server is named, in Redis as well.

    The folder is written first; entries the server missed while offline are pushed on the next fetch. Nothing is ever
    deleted: a problem that passes here may fail elsewhere.

    Parameters
    ----------
    url : str
        A folder, which is created with the first entry; or redis://HOST:PORT/NUMBER (also rediss:// and unix://), in
        addition to ``FOLDER``.

    Raises
    ------
    ImportError
        If it is a server and the package redis is missing.
    OSError
        If the server does not answer now. Later it may be offline at times.
    ValueError
        If the address of the server cannot be parsed.

    Examples
    --------
    >>> import tempfile
    >>> from oracle.campaigns.database import FailureDatabase
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     failures = FailureDatabase(folder)
    ...     failures.save(b"relu", b"a problem")
    ...     list(failures.fetch(b"relu"))
    [b'a problem']
    """

    def __init__(self, url: str = FOLDER) -> None:
        super().__init__()
        self.url = url
        served = url.startswith(("redis://", "rediss://", "unix://"))
        self.folder = DirectoryBasedExampleDatabase(FOLDER if served else url)
        self._server = _open_server(url) if served else None
        self._offline_until = 0.0

    def connect(self) -> None:
        """Raise unless the server, if there is one, answers."""
        if self._server is None:
            return
        from redis.exceptions import RedisError

        try:
            self._server.redis.ping()
        except RedisError as error:
            raise ConnectionError(f"Redis does not answer at {self.url}: {error}") from error

    def flush(self, keys: Iterable[bytes]) -> bool:
        """Push to the server, if there is one, all that only the folder has; return True if it took it."""
        self._offline_until = 0.0
        for key in keys:
            list(self.fetch(key))
        return not self._offline_until

    def save(self, key: bytes, value: bytes) -> None:
        """Save a failing problem."""
        self.folder.save(key, value)
        with self._connected_server() as server:
            if server:
                server.save(key, value)

    def fetch(self, key: bytes) -> Iterator[bytes]:
        """Yield each failing problem, and push to the server those that only the folder has."""
        here, there = set(self.folder.fetch(key)), set[bytes]()
        with self._connected_server() as server:
            if server:
                there.update(server.fetch(key))
                for value in here - there:
                    server.save(key, value)
        yield from here | there

    def move(self, src: bytes, dest: bytes, value: bytes) -> None:
        """Do nothing: Hypothesis moves all but the smallest."""

    def delete(self, key: bytes, value: bytes) -> None:
        """Do nothing."""

    @contextlib.contextmanager
    def _connected_server(self) -> Iterator["RedisExampleDatabase | None"]:
        """Yield the server, or None while it is offline."""
        if self._server is None or time.monotonic() < self._offline_until:
            yield None
            return
        from redis.exceptions import RedisError

        try:
            yield self._server
            self._offline_until = 0.0
        except RedisError:
            self._offline_until = time.monotonic() + RETRY_DELAY


def _open_server(url: str) -> "RedisExampleDatabase":
    try:
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry
    except ImportError as error:
        raise ImportError("redis is not installed (pip install 'handgrad[redis]')") from error
    from datetime import timedelta

    from hypothesis.extra.redis import RedisExampleDatabase

    # one immediate retry: the connection may be from before a restart of the server
    client = redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2, retry=Retry(NoBackoff(), 1))
    return RedisExampleDatabase(client, expire_after=timedelta(days=365), key_prefix=b"handgrad:")
