"""The OpenAPI description, made from the routes, the docstrings of their views and the shapes of the wire."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from inspect import getdoc
from typing import Any, Final, TypeVar

from flask import Flask
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema
from werkzeug.routing import Rule

from domain.accounts.api_tokens import Scope
from providers.kinds import StageType
from web.api.errors import FAULTS, TELL_WHEN
from web.api.schemas import ErrorAnswer

PREFIX = "/api/v1/"
SCHEMAS = "#/components/schemas/"
MEDIA: Final = "media"
MEDIA_TYPES = ("text/plain", "audio/*", "video/*")
ALWAYS_REFUSED = (
    "token_missing",
    "token_unknown",
    "scope_missing",
    "too_many_unknown_tokens",
    "internal_error",
    "database_away",
    "storage_full",
)

INTRODUCTION = """\
Place orders for personal gifts and fetch the works that were made: a poem, the poem read aloud, sung, and filmed.

Every request carries a token, made by the operator with `flask --app wsgi api-token create NAME`. A token sees the
orders that it has placed itself and no others, unless its scopes have `admin:read`. What a request needs is said with
it: `orders:read` (which `admin:read` includes) or `orders:write`. A token may have an end, after which it is unknown,
and a number of orders that it may place on a day, which begins at the shop's midnight.

Every error, from 400 on, has one shape. An order that was answered with 202 is made whatever happens to this server or
to a provider."""

SCOPES_IN_WORDS = (
    "An API token. Its scopes: `orders:read` looks at its own orders and works, `orders:write` places orders and erases"
    " its own, `admin:read` looks at everybody's orders and works."
)

PATH_PARAMETERS: dict[str, dict[str, Any]] = {
    "order_id": {"type": "integer", "format": "int32", "minimum": 1},
    "stage_type": {"type": "string", "enum": [stage_type.value for stage_type in StageType]},
}

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Operation:
    """What a view takes and gives, as far as its route and docstring do not say."""

    answer: type[BaseModel] | str
    answer_words: str
    #: What a token needs, one of them: whoever adds a view has to say it.
    scopes: tuple[Scope, ...]
    answer_status: int = 200
    body: type[BaseModel] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    #: Codes of errors, beside those that every view can answer with.
    refusals: tuple[str, ...] = ()

    @property
    def shapes(self) -> Iterable[tuple[type[BaseModel], JsonSchemaMode]]:
        """The models of the wire, each with the side of it that is meant."""
        if self.body:
            yield self.body, "validation"
        if not isinstance(self.answer, str):
            yield self.answer, "serialization"


_operations: dict[Callable[..., Any], Operation] = {}


def described(operation: Operation) -> Callable[[View], View]:
    """Note what the view takes and gives. ``document`` fails for a view of the API without it."""

    def note(view: View) -> View:
        _operations[view] = operation
        return view

    return note


def scopes_of(view: Callable[..., Any]) -> tuple[Scope, ...]:
    """Of which scopes a token needs one for ``view``."""
    return _operations[view].scopes


def document(app: Flask) -> dict[str, Any]:
    """The description of the API that ``app`` serves, as OpenAPI 3.1.1."""
    paths: dict[str, dict[str, Any]] = {}
    shapes: list[tuple[type[BaseModel], JsonSchemaMode]] = [(ErrorAnswer, "serialization")]
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith(PREFIX):
            view = app.view_functions[rule.endpoint]
            path = re.sub(r"<(\w+)>", r"{\1}", rule.rule)
            paths.setdefault(path, {})[_method(rule)] = _described(rule, view, _operations[view])
            shapes.extend(_operations[view].shapes)
    _, schemas = models_json_schema(list(dict.fromkeys(shapes)), ref_template=SCHEMAS + "{model}")
    return {
        "openapi": "3.1.1",
        "info": {"title": "Quatrain", "version": "1", "description": INTRODUCTION},
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": SCOPES_IN_WORDS}},
            "schemas": schemas["$defs"],
        },
    }


def _method(rule: Rule) -> str:
    (method,) = (rule.methods or set()) - {"HEAD", "OPTIONS"}
    return method.lower()


def _described(rule: Rule, view: Callable[..., Any], operation: Operation) -> dict[str, Any]:
    summary, _, more = (getdoc(view) or "").partition("\n\n")
    described: dict[str, Any] = {
        "operationId": rule.endpoint.rpartition(".")[2],
        "summary": summary.removesuffix("."),
        "description": more,
        # OpenAPI 3.1.1, 4.8.30: each entry suffices by itself, and a bearer token's may name the roles that it needs.
        "security": [{"token": [scope.value]} for scope in operation.scopes],
        "parameters": _parameters(rule, operation),
        "responses": _responses(operation),
    }
    if operation.body:
        schema = {"$ref": SCHEMAS + operation.body.__name__}
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return described


def _parameters(rule: Rule, operation: Operation) -> list[dict[str, Any]]:
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": PATH_PARAMETERS[name]}
        for name in re.findall(r"<(\w+)>", rule.rule)
    ]
    in_header = [
        {"name": name, "in": "header", "description": words, "schema": {"type": "string"}}
        for name, words in operation.headers.items()
    ]
    return in_path + in_header


def _responses(operation: Operation) -> dict[str, Any]:
    if isinstance(operation.answer, str):
        content: dict[str, Any] = {media_type: {} for media_type in MEDIA_TYPES}
    else:
        content = {"application/json": {"schema": {"$ref": SCHEMAS + operation.answer.__name__}}}
    answers: dict[str, Any] = {
        str(operation.answer_status): {"description": operation.answer_words, "content": content}
    }
    if operation.answer_status == HTTPStatus.ACCEPTED and operation.body:
        location = {"description": "The address of what was made.", "schema": {"type": "string"}}
        answers[str(operation.answer_status)]["headers"] = {"Location": location}
    if operation.answer == MEDIA:
        answers["206"] = {"description": "The part of the work that Range asked for.", "content": content}
        answers["304"] = {"description": "The work is still the one of If-None-Match or If-Modified-Since."}
    return answers | _refusals(operation)


def _refusals(operation: Operation) -> dict[str, Any]:
    codes: dict[HTTPStatus, list[str]] = {}
    for code in (*ALWAYS_REFUSED, *operation.refusals):
        status = FAULTS[code][0] if code in FAULTS else HTTPStatus.UNPROCESSABLE_ENTITY
        codes.setdefault(status, []).append(code)
    return {str(status.value): _refusal(status, of_status) for status, of_status in sorted(codes.items())}


def _refusal(status: HTTPStatus, codes: list[str]) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": SCHEMAS + ErrorAnswer.__name__}}}
    described: dict[str, Any] = {"description": f"{status.phrase}: {', '.join(codes)}.", "content": content}
    if set(codes) <= TELL_WHEN:
        described["headers"] = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
    return described
