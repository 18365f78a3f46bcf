"""Everything that is sent to a Redis, and everything that it holds."""

import threading
from types import TracebackType
from typing import Self

import redis


class RedisWitness:
    """Hears every command from its start on; a context manager. ``commands`` are they, as Redis writes them down."""

    def __init__(self, url: str) -> None:
        self.commands: list[bytes] = []
        self._client = redis.Redis.from_url(url, socket_timeout=None)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def keys(self) -> dict[str, bytes]:
        """Every key with what it holds, in Redis' own form, uncompressed."""
        self._client.config_set("rdbcompression", "no")
        return {key.decode("utf-8", "replace"): self._client.dump(key) or b"" for key in self._client.scan_iter()}

    def __enter__(self) -> Self:
        self._monitor = self._client.monitor().__enter__()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self._ended.set()
        self._client.ping()  # one more command, so that the listener looks up
        self._thread.join(60)
        self._client.close()

    def _listen(self) -> None:
        try:
            for heard in self._monitor.listen():
                self.commands.append(str(heard["command"]).encode())
                if self._ended.is_set():
                    return
        except (redis.RedisError, OSError):
            return  # it was killed, as the test wants it
