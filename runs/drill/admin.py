from django.contrib import admin

from ..admin.run import RunAdmin
from .models import DrillRun

admin.site.register(DrillRun, RunAdmin)
