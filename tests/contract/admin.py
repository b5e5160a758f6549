from django.contrib import admin

from runs.admin import RunAdmin
from tests.contract.models import CountingRun

admin.site.register(CountingRun, RunAdmin)
