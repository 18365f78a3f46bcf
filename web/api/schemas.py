"""What goes over the API's wire: the answers are built from these, and the description is made from all of them."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

from domain.orders.models import OrderState, StageState
from domain.orders.rules import LIMITS
from domain.provider_configs.models import Reason
from providers.kinds import ProviderKind, StageType


class ErrorBody(BaseModel):
    """Why the request was refused."""

    code: str = Field(description="A name for programs; it does not change with the language.")
    message: str = Field(description="A sentence for people, in the language of Accept-Language (en, ru).")
    field: str | None = Field(description="The field, name or header that is at fault, where one is.")


class ErrorAnswer(BaseModel):
    """Every answer from 400 on."""

    error: ErrorBody


class OrderAccepted(BaseModel):
    """The order is stored, and will be made whatever happens to this server."""

    id: int
    state: OrderState
    url: str = Field(description="Where to ask for the order: a path on this server.")


class ErasureAccepted(BaseModel):
    """The order's words are gone, and its files are being removed."""

    id: int
    erased_at: datetime = Field(description="When it was erased; the same however often it is asked for.")


class StageError(BaseModel):
    """Why a stage failed, waits or needs a decision."""

    code: str = Field(description="For example no_credit, content_blocked, waited_too_long.")
    message: str = Field(description="A sentence for people, in the language of Accept-Language (en, ru).")


class StageShown(BaseModel):
    """One work of the order, and how it stands."""

    state: StageState = Field(
        description="done and failed are final; waiting goes on by itself when the settings work again;"
        " attention waits for a person's decision."
    )
    provider_kind: ProviderKind | None = Field(description="The provider of the latest attempt.")
    model: str | None
    sample: bool = Field(description="Whether the work is one of the built-in samples: not to be given to a customer.")
    text: str | None = Field(description="The work, where it is a text and done.")
    work_url: str | None = Field(description="Where to fetch the work once it is done: a path on this server.")
    error: StageError | None
    attempts: int = Field(description="Calls to providers that were begun.")
    started_at: datetime | None
    finished_at: datetime | None
    usage: dict[str, Any] = Field(description="The provider's counts, such as total_tokens, characters, seconds.")
    provider_request_id: str | None = Field(description="The provider's own id of the call, for its support.")


class OrderShown(BaseModel):
    """An order with the works that were asked for."""

    id: int
    state: OrderState
    created_at: datetime
    stages: dict[StageType, StageShown]


class SectionShown(BaseModel):
    """What would happen to an order for this stage type that is placed now, from what is stored."""

    ready: bool = Field(
        description="Whether it would be made now. Otherwise it would be accepted, and wait; refused for storage_full."
    )
    provider_kind: ProviderKind | None
    model: str | None = Field(description="Null where the provider's first one is taken.")
    sample: bool = Field(description="Whether it would be one of the built-in samples, and no work to be sold.")
    reason: Reason | Literal["storage_full"] | None = Field(
        description="Why it would wait. While ready: unavailable or rate_limited, if the last check met that."
    )
    message: str | None = Field(description="The reason as a sentence, in the language of Accept-Language (en, ru).")
    since: datetime | None = Field(description="Since when the reason holds, where that is known.")
    waiting: int = Field(description="Stages of this type that wait now, of the orders that the token may see.")


class StagesShown(RootModel[dict[StageType, SectionShown]]):
    """The four stage types."""


class OrderBody(BaseModel):
    """What is ordered: nothing but these fields. A text counts without the white space around it."""

    # Only describes: domain.orders.rules decides, for forms and programs alike.
    model_config = ConfigDict(extra="forbid")

    recipient: str = Field(
        min_length=1, max_length=LIMITS["recipient"], description="Who gets the gift.", examples=["Anna"]
    )
    occasion: str = Field(
        min_length=1, max_length=LIMITS["occasion"], description="What for.", examples=["her 40th birthday"]
    )
    details: str = Field(
        "",
        max_length=LIMITS["details"],
        description="What is to be known about them.",
        examples=["Paints, and is never late."],
    )
    tone: str = Field(
        "", max_length=LIMITS["tone"], description="How it should sound.", examples=["warm, a little playful"]
    )
    language: Literal["ru", "en"] = Field("ru", description="The language of the works.")
    stages: list[StageType] = Field(
        min_length=1,
        json_schema_extra={"uniqueItems": True},
        description="The works that are wanted.",
        examples=[["POEM", "SONG"]],
    )
    poem: str | None = Field(
        None,
        max_length=LIMITS["poem"],
        description="A text to work from. Required for VOICE, SONG or CLIP without POEM, refused with POEM.",
    )
