"""Links receipts of the same purchase that no sync has compared: those from before links were kept."""

from typing import Any

from django.core.management.base import BaseCommand

from receipts.models import Receipt
from receipts.review.duplicates import link_all_duplicates
from runs.models import Business


class Command(BaseCommand):
    """Can be stopped and run again at any time, also while syncs are running."""

    help = "Compare all receipts of each business with each other, and link those about the same purchase."

    def handle(self, *args: Any, **options: Any) -> None:
        for business in Business.objects.order_by("pk"):
            link_all_duplicates(business.pk)
            linked = Receipt.objects.filter(business=business).duplicates().count()
            self.stdout.write(f"{business}: {linked} duplicates")
