"""The kind of a browser in two words, "Firefox, Windows", for who looks at their own sessions.

A table of our own, as less is wanted than a library tells: two words are enough to know one's phone again, and models
and versions of devices are nothing that we want to keep.
"""

#: What a User-Agent holds, and whose it is; the first that fits, as most pretend to be others as well.
BROWSERS = (
    ("YaBrowser/", "Yandex Browser"),
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("CriOS/", "Chrome"),
    ("Safari/", "Safari"),
)
SYSTEMS = (
    ("Windows", "Windows"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


def browser_name(user_agent: str) -> str:
    """Browser and system, as far as the header tells; empty for neither. Nothing of the header itself is in it."""
    kinds = (next((name for sign, name in table if sign in user_agent), "") for table in (BROWSERS, SYSTEMS))
    return ", ".join(filter(None, kinds))
