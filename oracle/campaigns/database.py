"""Where failing problems are kept, so that whoever checks next checks them first: a folder, and Redis if wanted."""

import contextlib
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from hypothesis.database import DirectoryBasedExampleDatabase, ExampleDatabase

if TYPE_CHECKING:
    from hypothesis.extra.redis import RedisExampleDatabase

__all__ = ["FOLDER", "Findings"]

#: Where failing problems are kept unless told otherwise; Hypothesis keeps its own beside it.
FOLDER = ".hypothesis/handgrad"

#: For how many seconds a server that did not answer is left alone.
_PAUSE = 5.0


class Findings(ExampleDatabase):
    """Failing problems, in a folder and, where a server is named, in Redis as well.

    The folder is written first: what the server misses while it is away, it is given when the key is next fetched.
    Nothing is ever deleted, for what passes here may fail elsewhere.

    Parameters
    ----------
    place : str
        A folder, which is made once there is something to keep; or redis://HOST:PORT/NUMBER (also rediss:// and
        unix://), beside ``FOLDER``.

    Raises
    ------
    ImportError
        If the place is a server and the package redis is missing.
    OSError
        If the server does not answer now. Later it may come and go.
    ValueError
        If the address of the server cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> from oracle.campaigns.database import Findings
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     findings = Findings(folder)
    ...     findings.save(b"relu", b"a problem")
    ...     list(findings.fetch(b"relu"))
    [b'a problem']
    """

    def __init__(self, place: str = FOLDER) -> None:
        super().__init__()
        self.place = place
        served = place.startswith(("redis://", "rediss://", "unix://"))
        self.folder = DirectoryBasedExampleDatabase(FOLDER if served else place)
        self._server = _serve(place) if served else None
        self._away_until = 0.0

    def connect(self) -> None:
        """Ask the server, if there is one, whether it is there."""
        if self._server is None:
            return
        from redis.exceptions import RedisError

        try:
            self._server.redis.ping()
        except RedisError as error:
            raise ConnectionError(f"no Redis answers at {self.place}: {error}") from error

    def hand_over(self, keys: Iterable[bytes]) -> bool:
        """Give the server, if there is one, all that only the folder has, and say whether it has taken it."""
        self._away_until = 0.0
        for key in keys:
            list(self.fetch(key))
        return not self._away_until

    def save(self, key: bytes, value: bytes) -> None:
        """Keep a failing problem."""
        self.folder.save(key, value)
        with self._asking() as server:
            if server:
                server.save(key, value)

    def fetch(self, key: bytes) -> Iterator[bytes]:
        """Yield each failing problem; the server is given those that only the folder has."""
        here, there = set(self.folder.fetch(key)), set[bytes]()
        with self._asking() as server:
            if server:
                there.update(server.fetch(key))
                for value in here - there:
                    server.save(key, value)
        yield from here | there

    def move(self, src: bytes, dest: bytes, value: bytes) -> None:
        """Leave it where it is: Hypothesis puts away what is not the smallest."""

    def delete(self, key: bytes, value: bytes) -> None:
        """Leave it."""

    @contextlib.contextmanager
    def _asking(self) -> Iterator["RedisExampleDatabase | None"]:
        """Give the server, or nothing while it is away."""
        if self._server is None or time.monotonic() < self._away_until:
            yield None
            return
        from redis.exceptions import RedisError

        try:
            yield self._server
            self._away_until = 0.0
        except RedisError:
            self._away_until = time.monotonic() + _PAUSE


def _serve(url: str) -> "RedisExampleDatabase":
    try:
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry
    except ImportError as error:
        raise ImportError("redis is not installed (pip install 'handgrad[redis]')") from error
    from datetime import timedelta

    from hypothesis.extra.redis import RedisExampleDatabase

    # one retry at once: the connection may be an old one, from before the server was started again
    client = redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2, retry=Retry(NoBackoff(), 1))
    return RedisExampleDatabase(client, expire_after=timedelta(days=365), key_prefix=b"handgrad:")
