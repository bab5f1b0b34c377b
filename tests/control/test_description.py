"""The description of the API, held against the code that it describes."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from fastapi.openapi.models import OpenAPI
from msgspec import inspect

from tidegate.control.description import describe, describe_llm_gate
from tidegate.control.description.replies import DIALECTS
from tidegate.doors import all_doors
from tidegate.protocols import errors
from tidegate.protocols.anthropic import wire as anthropic_wire
from tidegate.protocols.gemini import wire as gemini_wire
from tidegate.protocols.openai_chat import wire as openai_wire
from tidegate.protocols.openai_responses import wire as responses_wire
from tidegate.providers.preferences import Preferences

DOCUMENT = describe("A title", "A description.")
METHODS = {"get", "post", "head", "delete"}


def test_is_openapi_3_1() -> None:
    parsed = OpenAPI.model_validate(DOCUMENT)
    assert parsed.openapi.startswith("3.1")
    assert parsed.info.title == "A title"
    assert parsed.info.description is not None
    assert parsed.info.description.startswith("A description.\n\n")


def every_dict(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for part in value.values():
            yield from every_dict(part)
    elif isinstance(value, list):
        for part in value:
            yield from every_dict(part)


def resolve(reference: str) -> Any:
    value: Any = DOCUMENT
    for step in reference.removeprefix("#/").split("/"):
        value = value[step]
    return value


def test_every_reference_leads_somewhere() -> None:
    references = {part["$ref"] for part in every_dict(DOCUMENT) if "$ref" in part}
    assert len(references) > 30
    assert all(resolve(reference) for reference in references)


def test_every_component_is_used() -> None:
    used = {part["$ref"] for part in every_dict(DOCUMENT) if "$ref" in part}
    components = DOCUMENT["components"]
    kinds = ("schemas", "headers", "responses")
    unused = [
        name for kind in kinds for name in components[kind] if f"#/components/{kind}/{name}" not in used
    ]
    # Errors that this version's paths do not give are still in the list of errors.
    assert [
        name for name in unused if not re.fullmatch(r"(Anthropic|Gemini)?40[23]|(Anthropic|Gemini)405", name)
    ] == []


def test_every_required_field_is_described() -> None:
    for part in every_dict(DOCUMENT):
        if isinstance(part.get("properties"), dict) and isinstance(part.get("required"), list):
            assert set(part["required"]) <= part["properties"].keys()


def test_operations_have_names_of_their_own() -> None:
    names = [operation["operationId"] for path in DOCUMENT["paths"].values() for operation in path.values()]
    assert len(names) == len(set(names))


def test_the_paths_are_those_of_the_doors() -> None:
    served = {
        (method.lower(), path.replace("*", "{id}" if door.name == "me" else "{model}"))
        for door in all_doors()
        for method, path in door.routes()
        if method != "HEAD" and door.name != "llm_gate"
    }
    described = {
        (method, path)
        for path, operations in DOCUMENT["paths"].items()
        for method in operations.keys() & METHODS
    }
    assert described == served


def test_the_paths_of_llm_gate_are_those_of_its_door() -> None:
    document = describe_llm_gate("A title", "A description.", "/gate")
    (door,) = [door for door in all_doors("/gate") if door.name == "llm_gate"]
    described = {(method.upper(), path) for path, one in document["paths"].items() for method in one}
    assert described == set(door.routes())
    assert OpenAPI.model_validate(document).info.title == "A title"


def test_every_status_of_an_error_is_described_in_every_dialect() -> None:
    statuses = {getattr(errors, name).status for name in errors.__all__}
    for status in statuses:
        for dialect, schema in DIALECTS.items():
            response = DOCUMENT["components"]["responses"][f"{dialect}{status}"]
            assert response["content"]["application/json"]["schema"]["$ref"].endswith(f"/{schema}")


def fields_of(*schemas: Any) -> dict[str, list[Any]]:
    """Every field that any of the schemas' forms has, with the schemas that it may have."""
    found: dict[str, list[Any]] = {}
    for schema in schemas:
        if "$ref" in schema:
            schema = resolve(schema["$ref"])
        for name, inner in schema.get("properties", {}).items():
            found.setdefault(name, []).append(inner)
        forms = [*schema.get("anyOf", []), *schema.get("oneOf", [])]
        if "items" in schema:
            forms.append(schema["items"])
        for name, inners in fields_of(*forms).items():
            found.setdefault(name, []).extend(inners)
    return found


def structs_in(kind: Any) -> Iterator[inspect.StructType]:
    """The structs that a type is made of."""
    match kind:
        case inspect.StructType():
            yield kind
        case inspect.UnionType():
            for member in kind.types:
                yield from structs_in(member)
        case inspect.ListType():
            yield from structs_in(kind.item_type)
        case inspect.Metadata():
            yield from structs_in(kind.type)


def undescribed(struct: inspect.StructType, schemas: list[Any], path: str) -> Iterator[str]:
    described = fields_of(*schemas)
    for field in struct.fields:
        name = field.encode_name
        if name not in described:
            yield f"{path}.{name}"
            continue
        for inner in structs_in(field.type) if f"{path}.{name}" not in NARROWER else ():
            yield from undescribed(inner, described[name], f"{path}.{name}")


NARROWER = {
    "MessagesRequest.system": "read as any blocks, described as the texts that it may be",
    **dict.fromkeys(
        (
            f"GenerateContentRequest.{field}.parts.functionResponse.parts"
            for field in ("contents", "systemInstruction")
        ),
        "parts within a part",
    ),
}

READ = [
    (openai_wire.ChatRequest, "ChatRequest"),
    (anthropic_wire.MessagesRequest[anthropic_wire.Block], "MessagesRequest"),
    (anthropic_wire.CountRequest[anthropic_wire.Block], "MessagesRequest"),
    (anthropic_wire.MessageOut, "AnthropicMessage"),
    (responses_wire.ResponsesRequest, "ResponsesRequest"),
    (gemini_wire.RequestIn, "GenerateContentRequest"),
    (gemini_wire.CountRequestIn, "CountContentRequest"),
    (Preferences, "ProviderPreferences"),
]


@pytest.mark.parametrize(("read", "component"), READ)
def test_every_field_that_is_read_is_described(read: Any, component: str) -> None:
    schema = DOCUMENT["components"]["schemas"][component]
    (struct,) = structs_in(inspect.type_info(read))
    assert list(undescribed(struct, [schema], component)) == []


def test_nothing_refers_to_another_host() -> None:
    assert "://" not in msgspec.json.encode(DOCUMENT).decode()
