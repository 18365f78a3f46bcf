"""The sessions of ``requests`` that all our calls to providers and their file hosts are made with."""

import logging

import requests
from requests.adapters import HTTPAdapter

# Of headers that it cannot read urllib3 warns with all their words and with the whole address: the first may hold our
# key, and the second be as good as one.
logging.getLogger("urllib3.connection").setLevel(logging.ERROR)


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:  # noqa: ARG002
        """None: whoever wants to follow a redirect reads its ``Location`` itself.

        Even where it follows none, ``requests`` prepares the next request: it reads the body of the redirect to its
        end, however long that is, and fails at a ``Location`` that is no URL.
        """
        return


def new_session(adapter: HTTPAdapter) -> requests.Session:
    """A session that uses no proxy and no netrc, and sends all its calls through ``adapter``."""
    session = _Session()
    session.trust_env = False
    for prefix in ("http://", "https://"):
        session.mount(prefix, adapter)
    return session
