"""What the ids of YANDEX_GPT's models say: whose folder they lie in, and which of them can write a poem.

Follows yandex.cloud/en/docs/ai-studio/models/listModels. An id is a whole URI,
``gpt://<folder>/<model>/<version>@<tuning>``, of which version and tuning may be missing.
"""

import re
from collections.abc import Iterable

#: Embeddings, pictures, classifiers and the rest have schemes of their own: emb, art, cls, ds.
_URI = re.compile(
    r"(?P<scheme>[a-z]+)://(?P<folder>[^/]+)/(?P<model>[^/@]+)(?:/(?P<version>[^@]+))?(?:@(?P<tuning>.+))?"
)

#: A list for nobody in particular has been seen to say ``<folder_id>`` here, with no key at all.
_REAL_FOLDER = re.compile(r"b1[a-z0-9]{18}")


def folder_of(models: Iterable[str]) -> str | None:
    """The folder that the first model with a real one lies in: that of the key, or None if the list is nobody's."""
    found = (_URI.fullmatch(model) for model in models)
    folders = (uri["folder"] for uri in found if uri)
    return next((folder for folder in folders if _REAL_FOLDER.fullmatch(folder)), None)


def text_models(models: Iterable[str]) -> tuple[str, ...]:
    """The whole ids to offer, each once, in the vendor's order, without what is on its way out."""
    return tuple(dict.fromkeys(model for model in models if _writes_text(model)))


def _writes_text(model: str) -> bool:
    uri = _URI.fullmatch(model)
    return (
        uri is not None
        and uri["scheme"] == "gpt"
        and _REAL_FOLDER.fullmatch(uri["folder"]) is not None
        # These speak over a socket; chat completions are not for them.
        and not uri["model"].startswith("speech-realtime")
        and uri["version"] != "deprecated"
    )
