"""Whether what an operation takes and gives fits botocore's model of it.

``unknown_members`` looks at an answer's document as it came over the wire, because botocore's parsers pass over what
they do not know; ``missing_members`` at the parsed answer.
"""

from __future__ import annotations

import json
from xml.etree import ElementTree

import botocore.session
from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

# what every answer of a protocol has around the operation's own members
ENVELOPE = frozenset({"ResponseMetadata", "requestId", "RequestId"})


def operation(service: str, name: str) -> OperationModel:
    return botocore.session.get_session().get_service_model(service).operation_model(name)


def missing_members(shape: Shape | None, value: object, where: str = "") -> list[str]:
    """The paths of required members that a parsed answer (or a request's parameters) lacks, or has of a wrong kind."""
    if shape is None or value is None:
        return []
    if isinstance(shape, StructureShape):
        if not isinstance(value, dict):
            return [f"{where}: not a structure"]
        lacking = [f"{where}.{name}" for name in shape.required_members if name not in value]
        unknown = [f"{where}.{name}: unknown" for name in value if name not in shape.members and name not in ENVELOPE]
        return [
            *lacking,
            *unknown,
            *(
                problem
                for name, member in shape.members.items()
                if name in value
                for problem in missing_members(member, value[name], f"{where}.{name}")
            ),
        ]
    if isinstance(shape, ListShape):
        if not isinstance(value, list):
            return [f"{where}: not a list"]
        return [p for i, item in enumerate(value) for p in missing_members(shape.member, item, f"{where}[{i}]")]
    if isinstance(shape, MapShape):
        return [p for key, item in value.items() for p in missing_members(shape.value, item, f"{where}[{key}]")]
    return []


def unknown_members(model: OperationModel, body: bytes) -> list[str]:
    """The paths of what an answer's body has and the model does not."""
    shape = model.output_shape
    protocol = model.service_model.protocol
    if not body.strip():
        return []
    if protocol in ("json", "rest-json"):
        return _unknown_json(shape, json.loads(body), "")
    root = ElementTree.fromstring(body)
    if shape is not None and "payload" in shape.serialization:
        # the body is one of the members, without a tag around it
        shape = shape.members[shape.serialization["payload"]]
    if protocol == "query":
        result = next((child for child in root if _local(child.tag) == f"{model.name}Result"), None)
        return [] if result is None else _unknown_xml(shape, result, "", protocol)
    return _unknown_xml(shape, root, "", protocol)


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _unknown_json(shape: Shape | None, value: object, where: str) -> list[str]:
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        names = {member.serialization.get("name", name): member for name, member in shape.members.items()}
        found = [f"{where}.{name}" for name in value if name not in names]
        for name, item in value.items():
            found += _unknown_json(names.get(name), item, f"{where}.{name}")
        return found
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [p for i, item in enumerate(value) for p in _unknown_json(shape.member, item, f"{where}[{i}]")]
    if shape is None and isinstance(value, dict) and value:
        return [f"{where}: has members, the model has none"]
    return []


def _wire_name(name: str, member: Shape, protocol: str) -> str:
    given = member.serialization.get("name", name)
    if isinstance(member, ListShape) and member.serialization.get("flattened"):
        given = member.member.serialization.get("name", given)
    return given


def _unknown_xml(shape: Shape | None, node: ElementTree.Element, where: str, protocol: str) -> list[str]:
    if isinstance(shape, StructureShape):
        names = {_wire_name(name, member, protocol): member for name, member in shape.members.items()}
        found = []
        for child in node:
            name = _local(child.tag)
            if name in names:
                found += _unknown_xml(names[name], child, f"{where}.{name}", protocol)
            elif name not in ENVELOPE:
                found.append(f"{where}.{name}")
        return found
    if isinstance(shape, ListShape) and not shape.serialization.get("flattened"):
        return [
            problem
            for i, child in enumerate(node)
            for problem in _unknown_xml(shape.member, child, f"{where}[{i}]", protocol)
        ]
    return []
