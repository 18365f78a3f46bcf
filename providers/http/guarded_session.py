"""A session of ``requests`` whose every connection goes to an address that a ``Guard`` has checked."""

import socket
from functools import partial
from typing import Any, ClassVar

import requests
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3 import exceptions as urllib3_errors
from urllib3.connection import HTTPConnection

from providers.http.addresses import Guard
from providers.http.deadline import ClockedConnection, ClockedTLSConnection, DeadlineAdapter
from providers.http.sessions import new_session


def open_session(guard: Guard) -> requests.Session:
    """A session that uses no proxy and no netrc, and repeats nothing; its read timeout is a total.

    Its calls raise ``ForbiddenAddress`` besides the exceptions of ``requests``.
    """
    return new_session(_GuardedAdapter(guard))


class _Guarded(HTTPConnection):
    """Looks the name up itself and connects to what has been checked, so that no second answer counts.

    The name stays the one that TLS and the Host header speak of.
    """

    over_tls: ClassVar[bool]

    def __init__(self, *args: Any, guard: Guard, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._guard = guard

    def _new_conn(self) -> socket.socket:
        name = self._dns_host
        try:
            *others, last = self._guard.addresses_of(name, self.port, over_tls=self.over_tls)
        except socket.gaierror as fault:
            raise urllib3_errors.NameResolutionError(name, self, fault) from fault
        try:
            for address in others:
                self._dns_host = address
                try:
                    return super()._new_conn()
                except (urllib3_errors.NewConnectionError, urllib3_errors.ConnectTimeoutError):
                    continue
            self._dns_host = last
            return super()._new_conn()
        finally:
            self._dns_host = name


class _GuardedPlainConnection(_Guarded, ClockedConnection):
    over_tls = False


class _GuardedTLSConnection(_Guarded, ClockedTLSConnection):
    over_tls = True


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _GuardedPlainConnection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _GuardedTLSConnection


class _GuardedAdapter(DeadlineAdapter):
    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        pools = {"http": _PlainPool, "https": _TLSPool}
        self.poolmanager.pool_classes_by_scheme = {
            scheme: partial(pool, guard=self._guard) for scheme, pool in pools.items()
        }
