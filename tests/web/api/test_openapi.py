"""The management API keeps to its own description, whatever it is asked."""

from typing import Any
from urllib.parse import quote

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.packages import wheel
from tests.server import Cloche
from tests.web.api.managing import ROOT
from tests.web.forms import upload
from tests.web.tokens import basic, granted

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
OPERATIONS = [
    "project", "delete_project", "status", "set_status", "remove_status", "yank_version",
    "unyank_version", "delete_version", "yank_file", "unyank_file", "delete_file", "journal",
    "list_admissions", "make_admission", "end_admission", "push", "explanation",
    "list_access",
    "list_snapshots", "make_snapshot", "delete_snapshot",
    "list_changes", "blob",
]  # fmt: skip
KNOWN = {
    "index": ["main", "team/dev", "closed"],
    "project": ["mo-own", "mo_own", "mo-nobody"],
    "version": ["1.0", "v2", "1.0+local"],
    "filename": ["mo_own-1.0-py3-none-any.whl", "mo_own-9.zip"],
}


@pytest.fixture(scope="module")
def schema(server: Cloche) -> Any:
    upload(server.url, wheel("mo-own", "1.0"), granted(server.data, "upload"))
    return schemathesis.openapi.from_url(f"{server.url}{ROOT}/openapi.json")


@pytest.fixture(scope="module")
def secrets(server: Cloche) -> list[str]:
    """Tokens of every sort: they decide what an answer may be."""
    return [
        granted(server.data, "admin", index="*"),
        granted(server.data, "admin", index="team/dev"),
        granted(server.data, "read", index="*"),
        "cloche_x_y",
    ]


def test_every_operation_is_tried(schema: Any) -> None:
    """The operations below are all that there are."""
    found = [each.ok().definition.raw["operationId"] for each in schema.get_all_operations()]
    assert sorted(found) == sorted(OPERATIONS)


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("name", OPERATIONS)
@settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    database=None,
)
@given(data=st.data())
def test_any_request(
    schema: Any, secrets: list[str], name: str, mode: GenerationMode, data: st.DataObject
) -> None:
    """No request, in or out of the schema, makes the server fail or answer what it did not say."""
    operation = schema.find_operation_by_id(name)
    case = data.draw(operation.as_strategy(generation_mode=mode))
    for key, known in KNOWN.items():
        if key in case.path_parameters and data.draw(st.booleans(), key):
            case.path_parameters[key] = quote(data.draw(st.sampled_from(known)), safe="")
    if mode.is_positive and "wait" in (case.query or {}):
        case.query["wait"] = 0  # it would
    secret = data.draw(st.sampled_from(secrets))

    case.call_and_validate(headers=basic(secret), checks=CHECKS, timeout=60)
