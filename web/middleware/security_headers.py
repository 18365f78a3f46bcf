"""The headers that every answer carries."""

from flask import Flask, Response, request
from werkzeug.exceptions import BadHost, SecurityError
from werkzeug.middleware.proxy_fix import ProxyFix

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        # Bootstrap draws the arrows of selects as data: images.
        "img-src 'self' data:",
        "media-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "object-src 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not no-referrer: over HTTPS the check of forms wants to see where they come from.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), browsing-topics=()",
}
PRIVATE_PATH = "/admin"
#: A name that is not ours, or can be nobody's: under it there are no addresses, for links and redirects alike.
BAD_HOST_ERRORS = (SecurityError, BadHost)


def init_app(app: Flask, *, https: bool, proxies: int) -> None:
    """Add the headers to every answer of ``app``, those of errors too; a view may set a header of its own.

    ``proxies``: how many of ours stand before us; the address, scheme and name that they pass on are believed.
    """
    if proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=proxies)  # type: ignore[method-assign]  # as Flask says

    headers = HEADERS | ({"Strict-Transport-Security": "max-age=31536000; includeSubDomains"} if https else {})
    # For what the web server answers by itself, too.
    app.config["HEADERS_OF_EVERY_ANSWER"] = headers

    @app.before_request
    def _refuse_names_that_are_not_ours() -> None:
        # Before anything makes an address.
        if isinstance(request.routing_exception, BAD_HOST_ERRORS):
            raise request.routing_exception

    @app.after_request
    def _add_headers(response: Response) -> Response:
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        if request.path.startswith(PRIVATE_PATH):
            response.headers["Cache-Control"] = "no-store"
        return response
