"""An application adds its kind of work to the overview by registering it, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from runs.models import Business
from runs.pages.registry import KINDS, register_kind

pytestmark = pytest.mark.django_db


def start_form(business: Business) -> dict[str, Any]:
    return {"greeting": f"Hello {business.name}"}


@pytest.fixture
def _fourth_kind(tmp_path: Path, settings: Settings) -> Iterator[None]:
    (tmp_path / "visits").mkdir()
    (tmp_path / "visits" / "start.html").write_text("<form>{{ greeting }}</form>")
    [engine] = settings.TEMPLATES
    settings.TEMPLATES = [{**engine, "DIRS": [*engine["DIRS"], tmp_path]}]
    with patch.dict(KINDS):
        register_kind("visits", "Visits", start_form=f"{__name__}.start_form")
        yield


@pytest.mark.usefixtures("_fourth_kind")
def test_a_registered_kind_has_its_form_on_the_overview(member_a: User, client: Client) -> None:
    client.force_login(member_a)
    page = client.get("/b/business-a/").content.decode()
    assert "<summary>Visits</summary>" in page
    assert "<form>Hello Business A</form>" in page
    assert "visits/start.js" in page
    assert page.index("<summary>Recordings</summary>") < page.index("<summary>Visits</summary>")
