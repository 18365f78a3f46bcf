"""The description of the API fits what is served."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from domain.orders.rules import DEFAULT_LANGUAGE, FIELDS, LANGUAGES, LIMITS
from tests import builders
from tests.web.api.conftest import ORDER
from tests.web.conftest import json_of
from web.api.errors import FAULTS
from web.i18n.messages import ORDER_FAULTS


@pytest.fixture
def document(client: FlaskClient) -> dict[str, Any]:
    response = client.get("/api/openapi.json")
    assert (response.status_code, response.mimetype) == (200, "application/json")
    return json_of(response)


def nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every object of a document."""
    if isinstance(tree, dict):
        yield tree
    for child in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from nodes(child)


def test_every_route_is_described_and_every_description_is_served(app: Flask, document: dict[str, Any]) -> None:
    served = {
        (re.sub(r"<(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/v1/")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }

    assert {(path, method) for path, methods in document["paths"].items() for method in methods} == served
    assert len(served) == 5


def test_the_document_is_whole(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    operations = [operation for methods in document["paths"].values() for operation in methods.values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    for path, methods in document["paths"].items():
        for operation in methods.values():
            in_path = {each["name"] for each in operation["parameters"] if each["in"] == "path"}
            assert in_path == set(re.findall(r"{(\w+)}", path))
            assert operation["summary"]
            assert all(response["description"] for response in operation["responses"].values())


def test_each_request_says_which_scope_it_needs_and_what_happens_without(document: dict[str, Any]) -> None:
    needs = {
        operation["operationId"]: [scope for each in operation["security"] for scope in each["token"]]
        for methods in document["paths"].values()
        for operation in methods.values()
    }
    placing = document["paths"]["/api/v1/orders"]["post"]["responses"]

    assert needs == {
        "list_stages": ["orders:read", "orders:write"],
        "place_order": ["orders:write"],
        "show_order": ["orders:read"],
        "erase_order": ["orders:write"],
        "show_work": ["orders:read"],
    }
    assert placing["403"]["description"] == "Forbidden: scope_missing."
    assert placing["429"]["description"] == "Too Many Requests: too_many_unknown_tokens, quota_used_up."
    assert "Retry-After" in placing["429"]["headers"]


def test_every_reference_leads_to_a_schema_and_every_schema_is_used(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    references = {node["$ref"] for node in nodes(document) if "$ref" in node}

    assert references == {f"#/components/schemas/{name}" for name in schemas}


def test_the_described_order_is_the_one_that_is_read(document: dict[str, Any]) -> None:
    schema = document["components"]["schemas"]["OrderBody"]
    described = schema["properties"]

    assert set(described) == set(FIELDS)
    assert schema["additionalProperties"] is False
    assert set(schema["required"]) == {"recipient", "occasion", "stages"}
    longest = {name: next(n["maxLength"] for n in nodes(described[name]) if "maxLength" in n) for name in LIMITS}
    assert longest == LIMITS
    assert set(described["language"]["enum"]) == set(LANGUAGES)
    assert described["language"]["default"] == DEFAULT_LANGUAGE


def test_every_code_of_an_error_is_described(document: dict[str, Any]) -> None:
    descriptions = " ".join(
        response["description"]
        for methods in document["paths"].values()
        for operation in methods.values()
        for response in operation["responses"].values()
    )
    told = set(re.findall(r"\w+", descriptions))

    # Of routes that do not exist nothing can be described.
    assert {*FAULTS, *ORDER_FAULTS} - told == {"not_found", "method_not_allowed"}


PYTHON: dict[str, type[Any]] = {"string": str, "integer": int, "boolean": bool, "object": dict, "null": type(None)}


def fits(value: Any, schema: dict[str, Any], schemas: dict[str, Any]) -> bool:
    """Whether ``value`` has exactly the described fields, all the way down."""
    if "$ref" in schema:
        return fits(value, schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if "anyOf" in schema:
        return any(fits(value, each, schemas) for each in schema["anyOf"])
    if "enum" in schema:
        return value in schema["enum"]
    if not isinstance(value, PYTHON[schema["type"]]):
        return False
    if "properties" in schema and set(value) != set(schema["properties"]):
        return False
    of_others = schema.get("additionalProperties")
    of_fields = schema.get("properties") or (dict.fromkeys(value, of_others) if isinstance(of_others, dict) else {})
    return all(fits(value[name], of_field, schemas) for name, of_field in of_fields.items())


def test_answers_have_the_described_shape(
    api: Callable[..., TestResponse], app: Flask, document: dict[str, Any], messages: list[object]
) -> None:
    with app.app_context():
        builders.working_section()
        made = builders.place_order().id
        builders.run(made)
    answers = {
        ("/api/v1/orders", "post"): (api("POST", "/orders", json=ORDER), api("POST", "/orders", json=[])),
        ("/api/v1/orders/{order_id}", "get"): (api("GET", f"/orders/{made}"), api("GET", "/orders/999")),
        ("/api/v1/stages", "get"): (api("GET", "/stages"),),
    }

    for (path, method), responses in answers.items():
        described = document["paths"][path][method]["responses"]
        for response in responses:
            schema = described[str(response.status_code)]["content"]["application/json"]["schema"]
            assert fits(response.json, schema, document["components"]["schemas"]), (path, response.json)


def test_the_page_shows_every_request_and_every_shape(client: FlaskClient, document: dict[str, Any]) -> None:
    response = client.get("/api/docs")

    assert (response.status_code, response.mimetype) == (200, "text/html")
    for path in document["paths"]:
        assert path in response.text
    for name in document["components"]["schemas"]:
        assert f'id="{name}"' in response.text
    links = set(re.findall(r'href="#(\w+)"', response.text))
    assert links <= set(re.findall(r'id="(\w+)"', response.text))


def test_the_page_runs_no_script_and_takes_nothing_from_elsewhere(client: FlaskClient) -> None:
    response = client.get("/api/docs")

    assert "<script" not in response.text
    assert "style=" not in response.text
    assert not re.search(r'(?:src|href)="(?:https?:)?//', response.text)
    (stylesheet,) = re.findall(r'rel="stylesheet" href="([^"]+)"', response.text)
    assert client.get(stylesheet, buffered=True).status_code == 200
