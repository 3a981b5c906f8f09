"""What the agent answers, described for other programs.

https://spec.openapis.org/oas/v3.1.0
"""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import msgspec

import tidewaiter
from tidewaiter.broker import messages as told
from tidewaiter.broker.agent.routes import JOB, LINED, REPOSITORY, ROUTES, Parameter, Route
from tidewaiter.broker.signing import SIGNATURE

_JSON = "application/json"
_REFERENCE = "#/components/schemas/{name}"
_SAYS = (
    "Looks through registries near them. Lists come as lines of JSON, one message a line, the last one being `end` or "
    "`trouble`; with `Accept: application/json` as one document. Whoever asks for something that a connection opens "
    f"sends that connection's credentials: the broker client fills them into the header `{told.CREDENTIALS}`."
)
_HEADERS = {
    told.CREDENTIALS: "Base64 of the connection's credentials as JSON.",
    told.CONNECTION: "The connection that the request belongs to.",
    told.DEADLINE: "How many seconds are left for the whole of the request; 60 without it, 3600 at most.",
    told.CALLBACK: "The base URL of the broker client's port, where results go.",
    told.IDEMPOTENCY: "Names the job: the same key again is the same job.",
}


@cache
def description() -> Mapping[str, Any]:
    """The whole document."""
    references, schemas = _schemas()
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, references)
    return {
        "openapi": "3.1.0",
        "info": {"title": "tidewaiter agent", "version": tidewaiter.__version__, "description": _SAYS},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "secret": {
                    "type": "apiKey",
                    "in": "header",
                    "name": SIGNATURE,
                    "description": "The request, signed with the secret that client and agent share, if there is one.",
                }
            },
        },
    }


def _schemas() -> tuple[Mapping[type, Mapping[str, Any]], dict[str, Any]]:
    """For each type how it is referred to, and the schemas of all of them."""
    types = _types()
    references, schemas = msgspec.json.schema_components(types, ref_template=_REFERENCE)
    return dict(zip(types, references, strict=True)), schemas


def _types() -> list[type]:
    found = [each for route in ROUTES for each in (*route.gives, route.body, route.items) if each is not None]
    return list(dict.fromkeys((*found, told.End, told.Trouble)))


def _operation(route: Route, references: Mapping[type, Mapping[str, Any]]) -> Mapping[str, Any]:
    trouble = {"description": "What went wrong, in parts.", "content": _content(references[told.Trouble])}
    operation: dict[str, Any] = {
        "operationId": route.answer.__name__ + ("_of" if route.path.endswith(f"paginated/{REPOSITORY}") else ""),
        "summary": route.summary,
        "parameters": [*_variables(route.path), *_headers(route), *map(_parameter, route.parameters)],
        "responses": {str(route.status): _answer(route, references), "default": trouble},
        "security": [{}] if route.open else [{}, {"secret": []}],
    }
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": _content(references[route.body])}
    return operation


def _answer(route: Route, references: Mapping[type, Mapping[str, Any]]) -> Mapping[str, Any]:
    if route not in LINED:
        return {"description": "The answer.", "content": _content(references[route.gives[0]])}
    line = {"anyOf": [references[each] for each in (*route.gives, told.End, told.Trouble)]}
    content: dict[str, Any] = {told.LINES: {"schema": {"description": "Each line.", **line}}}
    if route.items is not None:
        listed = {"type": "array", "items": references[route.items]}
        whole = {"type": "object", "properties": {route.name: listed}, "required": [route.name]}
        content |= _content(whole)
    return {"description": "Lines of JSON, or one document for who asks for that.", "content": content}


def _content(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {_JSON: {"schema": schema}}


def _variables(path: str) -> Iterable[Mapping[str, Any]]:
    says = {REPOSITORY: "The repository's name; its slashes stand as they are.", JOB: "The job."}
    for variable, text in says.items():
        if path.endswith(variable):
            name = variable.strip("{}")
            yield {"name": name, "in": "path", "required": True, "description": text, "schema": {"type": "string"}}


def _headers(route: Route) -> Iterable[Mapping[str, Any]]:
    names = [] if route.open else [told.CREDENTIALS, told.CONNECTION, told.DEADLINE]
    if route.body is not None:
        names += [told.CALLBACK, told.IDEMPOTENCY]
    for name in names:
        required = name == told.CREDENTIALS and route.credentials
        yield {
            "name": name,
            "in": "header",
            "required": required,
            "description": _HEADERS[name],
            "schema": {"type": "string"},
        }


def _parameter(parameter: Parameter) -> Mapping[str, Any]:
    one = {"type": "string"}
    return {
        "name": parameter.name,
        "in": "query",
        "required": parameter.required,
        "description": parameter.says,
        "schema": {"type": "array", "items": one} if parameter.repeated else one,
    }
