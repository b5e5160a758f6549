"""The run type that docs/adding-a-run-type.md adds as its example really works, as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from progress_project.local.environment import BASE_DIR
from tests.workers import workers_environment

pytestmark = pytest.mark.django_db(transaction=True)

# What the guide leaves to its reader: the imports, and the two functions that are the reader's own.
IMPORTS = """
from django.contrib import admin
from django.db import models
from django.utils.translation import gettext_lazy as _
from runs.admin import RunAdmin
from runs.models import Run
from runs.progress import Progress
from runs.lifecycle import run_task
"""
OWN = """
from collections import namedtuple
Row = namedtuple("Row", "number")
saved = []
def read(file):
    return [Row(number) for number in range(1, 6)]
def save(row):
    if row.number == 2:
        raise ValueError("no such customer")
    saved.append(row.number)
"""
OTHERS = """
from imports.models import ImportRun
from imports.own import read, save
"""
SETTINGS = """
from pathlib import Path
from tests.worker_settings import *
INSTALLED_APPS = [*INSTALLED_APPS, "imports"]
BASE_DIR = Path(__file__).parent  # of the Procfile
"""
USE = """
import django
django.setup()
from django.core.management import call_command
from imports.models import ImportRun
from imports.own import saved
import imports.tasks
from runs.lifecycle import dispatch
from runs.lifecycle.worker import work_on_next
from runs.models import Business
from runs.lifecycle.reset import reset_progress
from runs.models.audit import SYSTEM

call_command("makemigrations", "imports", verbosity=0)
call_command("migrate", "imports", verbosity=0)
business = Business.objects.create(slug="imports", name="Imports")
first = dispatch.start(ImportRun, business)
work_on_next(ImportRun.queue)
first.refresh_from_db()
print(first.status, first.total, first.succeeded, first.failed, saved)
second = dispatch.start(ImportRun, business)
print(reset_progress(business, actor=SYSTEM).by_type)
business.delete()
call_command("migrate", "imports", "zero", verbosity=0)
"""


def write_app(project: Path, example: str) -> None:
    """Each part of the example goes to the file that its first line names."""
    app = project / "imports"
    app.mkdir()
    (app / "__init__.py").touch()
    (app / "own.py").write_text(OWN)
    for part in re.split(r"\n\n\n", example):
        [name] = re.findall(r"# imports/(\w+\.py)$", part, re.MULTILINE)
        others = "" if name == "models.py" else OTHERS
        (app / name).write_text(f"{IMPORTS}{others}\n{part}\n")


def test_the_example_of_a_run_type_works_as_it_stands(tmp_path: Path) -> None:
    guide = (BASE_DIR / "docs" / "adding-a-run-type.md").read_text()
    [example] = re.findall(r"```python\n(?!# not pasted)(.*?)\n```", guide, re.DOTALL)
    write_app(tmp_path, example)
    (tmp_path / "example_settings.py").write_text(SETTINGS)
    procfile = (BASE_DIR / "Procfile").read_text()
    (tmp_path / "Procfile").write_text(procfile.replace("-Q receipts,", "-Q imports,receipts,"))
    environment = {
        **workers_environment(tmp_path / "state"),
        "DJANGO_SETTINGS_MODULE": "example_settings",
        "PYTHONPATH": os.pathsep.join([str(tmp_path), str(BASE_DIR)]),
        "CELERY_BROKER_URL": "memory://",
    }
    done = subprocess.run([sys.executable, "-c", USE], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["completed 5 4 1 [1, 3, 4, 5]", "{'import': 1}"]
