"""Everything that can be wrong at SPEECHKIT, by name; ``Room.play`` and ``Key.scenario`` take these names.

The shape ``refuse:N`` is a refusal with a code of ``speechkit_answers.CODES``, in the way of the API that was asked.
"""

from tests.emulator.state import ANY_ROUTE, Fault

EVERYWHERE = (ANY_ROUTE,)
V1 = ("v1",)
V3 = ("v3",)

SCENARIOS: dict[str, tuple[tuple[str, ...], Fault]] = {
    # the key
    "revoked": (EVERYWHERE, Fault(shape="refuse:16")),
    "no_role": (EVERYWHERE, Fault(shape="refuse:7")),
    "not_paid": (EVERYWHERE, Fault(shape="refuse:7")),
    # the request
    "bad_request": (EVERYWHERE, Fault(shape="refuse:3")),
    # pace: no Retry-After, as none is documented
    "rate_limited": (EVERYWHERE, Fault(shape="refuse:8")),
    # the provider
    "server_error": (EVERYWHERE, Fault(shape="refuse:13")),
    "overloaded": (EVERYWHERE, Fault(shape="refuse:14")),
    "deadline": (EVERYWHERE, Fault(shape="refuse:4")),
    "not_implemented": (EVERYWHERE, Fault(shape="refuse:12")),
    "html_502": (EVERYWHERE, Fault(status=502, body="<html><body><h1>502 Bad Gateway</h1></body></html>")),
    "redirect": (EVERYWHERE, Fault(status=307, body="", headers={"Location": "https://elsewhere.example/"})),
    # what a 200 can hold
    "not_audio": (EVERYWHERE, Fault(status=200, body="<html>Welcome to the hotel's network</html>")),
    "empty": (EVERYWHERE, Fault(status=200, body="")),
    "other_format": (EVERYWHERE, Fault(shape="other_format")),
    "error_line": (V3, Fault(shape="error_line:14")),
    "error_line_rate_limited": (V3, Fault(shape="error_line:8")),
    "error_line_no_role": (V3, Fault(shape="error_line:7")),
    "error_after_sound": (V3, Fault(shape="error_after_sound:14")),
    "error_after_sound_no_role": (V3, Fault(shape="error_after_sound:7")),
    "garbled_line": (V3, Fault(shape="garbled_line")),
    "no_sound": (V3, Fault(shape="no_sound")),
    "bad_base64": (V3, Fault(shape="bad_base64")),
    "word_timings": (V3, Fault(shape="word_timings")),
    # the way back
    "slow": (EVERYWHERE, Fault(delay=3)),
    "lost": (EVERYWHERE, Fault(cut=True)),
    "cut_body": (EVERYWHERE, Fault(cut_body=True)),
    "drip": (EVERYWHERE, Fault(drip=0.1)),
    "drip_headers": (EVERYWHERE, Fault(drip=0.1, drip_headers=True)),
}
