"""The API against its own OpenAPI document, over existing data.

schemathesis calls every operation with what the document allows and with what it forbids; all of its checks are on.
Names and ids of things are put in place of what it makes up, but for one in five.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from knox.models import AuthToken
from schemathesis.checks import load_all_checks
from schemathesis.config._checks import POSITIVE_DATA_ACCEPTANCE_EXPECTED_STATUSES as ACCEPTED
from schemathesis.core.parameters import ParameterLocation
from schemathesis.core.result import Ok
from schemathesis.generation.feedback import FeedbackSources
from schemathesis.pytest._test_builder import build_operation_test
from schemathesis.python._constants.orchestrator import make_constants_value_source
from schemathesis.schemas import BaseSchema

from receipts.models import Mailbox, Receipt
from recordings.models import Call, RecordingRun
from runs.models import Business
from tests.cast import PASSWORD, MakeRun
from tests.telephony import folder_source
from tests.whatsapp import broadcast, create_account, number, numbers

django = get_wsgi_application()


def application(environ: Any, start_response: Any) -> list[bytes]:
    """Django, and every answer read to its end and closed."""
    answer = django(environ, start_response)
    try:
        return [b"".join(answer)]
    finally:
        answer.close()


@pytest.fixture
def schema() -> BaseSchema:
    document = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    schema = schemathesis.openapi.from_dict(document)
    schema.app = application
    # What a schema can't say: no text contains a NUL (`test_request_guard` tries them), and WSGI has no stream.
    schema.config.generation.update(allow_x00=False)
    schema.config.checks.positive_data_acceptance.expected_statuses = [*ACCEPTED, "406"]
    return schema


World = dict[str, Any]


@pytest.fixture
def world(business_a: Business, mailbox_a: Mailbox, make_run: MakeRun) -> World:
    """A business with something of everything."""
    make_run(business_a, "completed", total=3, processed=3, succeeded=3)
    run = make_run(business_a, "failed", failed_items=3, failed=3, error_code="exception", error_message="It broke.")
    receipt = Receipt.objects.create(
        business=business_a, message_id="<1@a>", vendor="Bezeq", amount="99.90", currency="ILS"
    )
    receipt.file.save("a.pdf", ContentFile(b"%PDF"))
    again = Receipt.objects.create(business=business_a, message_id="<2@a>")
    source = folder_source(business_a, Path("/nowhere"))
    call = Call.objects.create(business=business_a, source=source, call_id="1", location="x", content_type="audio/wav")
    call.file.save("a.wav", ContentFile(bytes(1000)))
    call.store_transcript([{"start": 0, "end": 1, "text": "Good morning"}], "en")
    account = create_account(business_a)
    sale = broadcast(account, numbers(3))
    sale.items.update(status="unknown")
    return {
        "/api/runs/": {"type": "counting", "id": run.pk},
        "/api/admin/business/": {"business_id": business_a.pk},
        "/api/receipts/": {"id": receipt.pk, "mailbox": mailbox_a.pk, "duplicate_of": again.pk},
        "/api/recordings/": {"id": call.pk, "source": source.pk},
        "/api/recordings/runs/": {"id": make_run(business_a, model=RecordingRun, start_with={"source": source}).pk},
        "/api/whatsapp/": {"id": sale.pk, "account": account.pk, "phone": number(9)},
        "/": {"business": business_a.slug, "types": ["counting"], "type": "counting"},
    }


CHOICES = ("account", "duplicate_of", "mailbox", "phone", "source")  # something unknown is no 404, but no valid choice


def real(world: World, path: str) -> World:
    """What is known by the names that an operation's parameters bear; the longest address knows best."""
    found: World = {}
    for start in sorted(world, key=len):
        if path.startswith(start):
            found |= world[start]
    return found


def fill_in_real_values(case: Any, known: World) -> None:
    """Replace generated values by existing ones, and apply the rules that no schema can express.

    Only where schemathesis means to be valid: what it has spoilt stays spoilt.
    """
    holders = {
        ParameterLocation.PATH: case.path_parameters,
        ParameterLocation.QUERY: case.query,
        ParameterLocation.BODY: case.body,
        ParameterLocation.HEADER: case.headers,
    }
    for location, holder in holders.items():
        component = case.meta.components.get(location) if case.meta else None
        if component and component.mode.is_positive and isinstance(holder, MutableMapping):
            for name in holder.keys() & known.keys():
                is_left = name not in CHOICES and len(str(holder[name])) % 5 == 0
                if holder[name] is not None and not is_left:
                    holder[name] = known[name]
            apply_cross_field_rules(holder)


def apply_cross_field_rules(parameters: MutableMapping[str, Any]) -> None:
    parameters.pop("cursor", None)  # only those that were given out are any
    if "Range" in parameters:
        parameters["Range"] = "bytes=0-99"
    for name in ("name", "text", "username", "search"):
        if name in parameters:
            parameters[name] = parameters[name].strip() or "x"
    if "new_password" in parameters:
        parameters.update({"password": PASSWORD, "new_password": "a new phrase to pass"})
    days = [parameters[name] for name in ("from_date", "to_date") if parameters.get(name)]
    if len(days) == 2:
        parameters["from_date"], parameters["to_date"] = sorted(days)
    if "mode" in parameters:
        ranged = parameters["mode"] == "range"
        parameters["from_date"], parameters["to_date"] = ("2026-01-01", "2026-01-31") if ranged else (None, None)
    if "template" in parameters:
        parameters["language"] = "he"
    if "text" in parameters:
        audience = next((name for name in ("recipients", "file") if parameters.get(name)), "numbers")
        for name in {"numbers", "recipients", "file"} - {audience}:
            parameters.pop(name, None)
        parameters[audience] = AUDIENCES[audience]
        parameters["text"] = parameters["text"].replace("{", "(")


AUDIENCES = {
    "numbers": numbers(3),
    "recipients": [{"phone": number(1), "Name": "Dana"}, number(2)],
    "file": b"phone\n0502000000\n",
}


@pytest.fixture(autouse=True)
def _one_connection() -> Iterator[None]:
    """The test's own: a request here is no reason to close it. Django's test client does the same."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.fixture
def tokens(member_a: User, staff: User) -> dict[str, str]:
    """What each of them authorizes by."""
    users = {"member": member_a, "staff": staff}
    return {name: f"Bearer {AuthToken.objects.create(user)[1]}" for name, user in users.items()}


SETTINGS = hypothesis_settings(
    max_examples=10, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


def test_every_operation_conforms_to_the_schema(
    schema: BaseSchema, world: World, tokens: dict[str, str], subtests: pytest.Subtests
) -> None:
    """Every call meets the same data: what it does is undone.

    `schema.parametrize` would make the thousands of cases anew in each process that collects tests.
    """

    def conforms(case: Any) -> None:
        fill_in_real_values(case, real(world, case.operation.path))
        token = tokens["staff" if case.operation.path.startswith("/api/admin/") else "member"]
        with transaction.atomic():
            answer = case.call(headers={"Authorization": token})
            transaction.set_rollback(True)
        case.validate_response(answer, headers={"Authorization": token})

    load_all_checks()
    feedback = FeedbackSources(constants_value_source=make_constants_value_source(schema))
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()
        with subtests.test(operation.label):
            build_operation_test(
                config=schema.config,
                operation=operation,
                test_func=conforms,
                given_kwargs={},
                feedback=feedback,
                explicit_settings=SETTINGS,
            )()
