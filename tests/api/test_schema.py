"""The OpenAPI document: complete, valid, and readable without the internet."""

import re
from typing import Any

import pytest
from drf_spectacular.drainage import GENERATOR_STATS, reset_generator_stats
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema
from rest_framework.test import APIClient

from tests.api.test_tenancy import addresses

OPEN = {"/api/auth/login/"}
SIGNED = {"/api/whatsapp/webhook/"}  # no sign-in: its callers sign their requests


@pytest.fixture(scope="module")
def schema() -> Any:
    reset_generator_stats()
    return SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]


def test_it_is_valid_and_made_without_a_warning(schema: Any) -> None:
    validate_schema(schema)  # type: ignore[no-untyped-call]
    assert not GENERATOR_STATS


def test_it_documents_every_address(schema: Any) -> None:
    undocumented = {"/api/", "/api/schema/", "/api/docs/", "/api/admin/business/{business_id}/reset-progress/"}
    served = {re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route) for route, _name in addresses() if route.startswith("/api/")}
    assert set(schema["paths"]) == served - undocumented


def test_every_operation_documents_its_errors_and_sign_in(schema: Any) -> None:
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert ("401" in operation["responses"]) == (path not in SIGNED), where
            if path not in OPEN | SIGNED:
                assert operation["security"] == [{"bearer": []}, {"cookieAuth": []}], where
            if "{" in path:
                assert "404" in operation["responses"], where


def test_the_run_has_one_schema(schema: Any) -> None:
    detail = schema["paths"]["/api/runs/{type}/{id}/"]["get"]["responses"]["200"]["content"]["application/json"]
    assert detail["schema"] == {"$ref": "#/components/schemas/Run"}
    conflict = schema["paths"]["/api/receipts/sync/"]["post"]["responses"]["409"]["content"]["application/json"]
    assert conflict["schema"] == {"$ref": "#/components/schemas/Conflict"}


def test_schema_and_page_are_open_and_load_nothing_from_elsewhere(db: None, anonymous: APIClient) -> None:
    assert anonymous.get("/api/schema/").status_code == 200
    page = anonymous.get("/api/docs/")
    assert page.headers["Content-Type"].startswith("text/html")
    sources = re.findall(r'(?:src|href)="([^"]*)"', page.content.decode())
    assert sources
    assert all(source.startswith("/") for source in sources)
