"""PIKA's catalogue, its schemas as recorded by public clients in October 2026, and what a request costs.

Other vendors' rows are of the same shape, with ids of our own making.
"""

import copy
from dataclasses import dataclass, field
from typing import Any

_TEXT_OR_NULL = {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}
_SEED = {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None}
_RESOLUTION = {"type": "string", "enum": ["720p", "1080p"], "default": "1080p"}
_PROMPT = {"type": "string", "minLength": 1}
_URL = {"type": "string", "pattern": "^https?://"}
_COMMON = {"negative_prompt": _TEXT_OR_NULL, "seed": _SEED, "resolution": _RESOLUTION}
_FIVE_OR_TEN = {"type": "integer", "enum": [5, 10], "default": 5}


@dataclass(frozen=True)
class Operation:
    """A row of the catalogue. ``second_micro_usd`` is the price of a second of output, by resolution.

    ``is_alias``: listed and not to be called. ``is_gated``: shown only to keys with the right ``early_access``.
    """

    api_id: str
    function: str
    properties: dict[str, Any]
    required: tuple[str, ...]
    vendor: str = "pika"
    category: str = "video"
    second_micro_usd: dict[str, int] = field(default_factory=lambda: {"720p": 40_000, "1080p": 90_000})
    is_alias: bool = False
    is_gated: bool = False

    @property
    def path(self) -> str:
        return f"/v1/media/{self.api_id}"

    @property
    def row(self) -> dict[str, Any]:
        """This operation as an item of ``GET /catalog/apis``."""
        tiers = [
            {"spec": {"resolution": size, "duration_s": 5}, "sell_usd": f"{price / 1e6:g}", "micro_usd": price}
            for size, price in self.second_micro_usd.items()
        ]
        unit = {"type": "second", "quantity": 1, "included": 0}
        component = {"role": "output", "unit": unit, "starting_at": tiers[0], "price_tiers": tiers}
        return {
            "api_id": self.api_id,
            "vendor": self.vendor,
            "function": self.function,
            "category": self.category,
            "name": self.api_id.replace("/", " ").replace("-", " ").title(),
            "description": f"{self.function} by {self.vendor}",
            "display_pricing": {"components": [component]},
        }

    @property
    def detail(self) -> dict[str, Any]:
        """This operation as ``GET /catalog/apis/{api_id}?expand=inputs`` shows it."""
        if self.is_alias:
            return self.row
        schema = {
            "type": "object",
            "title": "".join(part.title() for part in self.api_id.replace("/", "-").split("-")) + "Request",
            "additionalProperties": False,
            "required": list(self.required),
            "properties": copy.deepcopy(self.properties),
        }
        return {**self.row, "call": {"method": "POST", "path": self.path}, "input_schema": schema}

    def cost(self, asked: dict[str, Any]) -> int:
        """What ``asked`` costs in millionths of a dollar."""
        sizes = self.second_micro_usd
        default = dict(self.properties).get("resolution", {}).get("default")
        price = sizes.get(asked.get("resolution", default)) or max(sizes.values())
        return int(price * (asked.get("duration_s") or 5))


CATALOGUE = (
    Operation(
        "pika/pikaffects/image-to-video",
        "image-to-video",
        {"image": _URL, "pikaffect": {"type": "string", "enum": ["Melt", "Inflate", "Cake-ify"]}, "seed": _SEED},
        ("image", "pikaffect"),
    ),
    Operation(
        "lumen/reel-2/text-to-video",
        "text-to-video",
        {"prompt": {**_PROMPT, "maxLength": 2000}, "aspect_ratio": {"type": "string", "enum": ["16:9", "9:16"]}},
        ("prompt",),
        vendor="lumen",
        second_micro_usd={"1080p": 120_000},
    ),
    Operation(
        "pika/pika-2.5/text-to-video",
        "text-to-video",
        {"prompt": _PROMPT, **_COMMON, "duration_s": {"type": "integer", "const": 5, "default": 5}},
        ("prompt",),
    ),
    Operation(
        "pika/pika-2.5/image-to-video",
        "image-to-video",
        {"image": _URL, "prompt": _PROMPT, **_COMMON, "duration_s": _FIVE_OR_TEN},
        ("image",),
    ),
    Operation(
        "pika/pikaframes/image-to-video",
        "image-to-video",
        {"images": {"type": "array", "minItems": 2, "maxItems": 5, "items": _URL}, "prompt": _PROMPT, **_COMMON},
        ("images",),
    ),
    Operation(
        "pika/pikadditions/video-to-video",
        "video-to-video",
        {"video": _URL, "prompt": _PROMPT, "image": _URL, **_COMMON, "duration_s": _FIVE_OR_TEN},
        ("video", "prompt"),
    ),
    Operation(
        "pika/video-merge/merge-videos",
        "merge-videos",
        {"videos": {"type": "array", "minItems": 2, "maxItems": 10, "items": _URL}},
        ("videos",),
    ),
    Operation("lumen/reel/text-to-video", "text-to-video", {}, (), vendor="lumen", is_alias=True),
    Operation("pika/pika-3-preview/text-to-video", "text-to-video", {"prompt": _PROMPT}, ("prompt",), is_gated=True),
    Operation("lumen/still-1/text-to-image", "text-to-image", {"prompt": _PROMPT}, ("prompt",), "lumen", "image"),
    Operation("lumen/voice-1/text-to-speech", "text-to-speech", {"text": _PROMPT}, ("text",), "lumen", "audio"),
)


def fault_of(asked: Any, operation: Operation) -> str | None:
    """Why the input schema of ``operation`` refuses ``asked``."""
    if not isinstance(asked, dict):
        return "Input should be a valid dictionary"
    unknown = next((name for name in asked if name not in operation.properties), None)
    if unknown is not None:
        return f"{unknown}: Extra inputs are not permitted"
    missing = next((name for name in operation.required if name not in asked), None)
    if missing is not None:
        return f"{missing}: Field required"
    faults = (_fault_of_value(name, value, operation.properties[name]) for name, value in asked.items())
    return next((fault for fault in faults if fault), None)


_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "array": (list,),
    "null": (type(None),),
}


def _fault_of_value(name: str, value: Any, schema: dict[str, Any]) -> str | None:
    kinds = [option["type"] for option in schema.get("anyOf", [schema])]
    if not any(type(value) in _TYPES[kind] for kind in kinds):
        return f"{name}: Input should be a valid {' or '.join(kinds)}"
    allowed = schema.get("enum", [schema["const"]] if "const" in schema else None)
    if allowed is not None and value not in allowed:
        return f"{name}: Input should be {' or '.join(repr(one) for one in allowed)}"
    if isinstance(value, str | list):
        least = schema.get("minLength", schema.get("minItems", 0))
        most = schema.get("maxLength", schema.get("maxItems", 10**9))
        if not least <= len(value) <= most:
            return f"{name}: Length should be {least} to {most}"
    if schema.get("pattern") and not str(value).startswith(("http://", "https://")):
        return f"{name}: String should match pattern '{schema['pattern']}'"
    return None
