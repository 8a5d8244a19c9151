"""Errors as AWS writes them, in the protocol of the service that is asked."""

from __future__ import annotations

import functools
import json
import uuid
from xml.sax.saxutils import escape

import botocore.exceptions
from moto.core.utils import get_service_model


@functools.cache
def protocol(service: str) -> str:
    """botocore's name of a service's wire protocol; json where the service is not known."""
    try:
        return get_service_model(service).protocol
    except (botocore.exceptions.UnknownServiceError, botocore.exceptions.DataNotFoundError):
        return "json"


def aws_error(service: str, code: str, message: str, status: int) -> tuple[int, list[tuple[str, str]], bytes]:
    """(status, headers, body) of an error of this service."""
    request_id = str(uuid.uuid4())
    said = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
    wire = protocol(service)
    if wire == "ec2":
        body = f"<Response><Errors><Error>{said}</Error></Errors><RequestID>{request_id}</RequestID></Response>"
    elif service == "s3":
        body = f"<Error>{said}<RequestId>{request_id}</RequestId></Error>"
    elif wire in ("query", "rest-xml"):
        kind = "Sender" if status < 500 else "Receiver"
        error = f"<Error><Type>{kind}</Type>{said}</Error>"
        body = f"<ErrorResponse>{error}<RequestId>{request_id}</RequestId></ErrorResponse>"
    else:
        headers = [("Content-Type", "application/x-amz-json-1.1"), ("x-amzn-ErrorType", code)]
        return status, headers, json.dumps({"__type": code, "message": message}).encode()
    return status, [("Content-Type", "text/xml")], f'<?xml version="1.0" encoding="UTF-8"?>\n{body}'.encode()
