from django.contrib import admin

from ..admin import Entry, register_group
from ..admin.run import RunAdmin
from .models import DrillRun

admin.site.register(DrillRun, RunAdmin)
register_group("system", "", [Entry(DrillRun, "exercise")])
