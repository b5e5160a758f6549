"""The forms of the review page."""

from __future__ import annotations

from datetime import date
from typing import Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.translation import gettext_lazy

from ..models import Receipt
from .changed_facts import FACTS

FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2999, 12, 31)


class CorrectionForm(forms.Form):
    vendor = forms.CharField(label=gettext_lazy("Vendor"), max_length=200, required=False)
    amount = forms.DecimalField(
        label=gettext_lazy("Amount"),
        max_digits=12,
        decimal_places=2,
        required=False,
        widget=forms.TextInput({"inputmode": "decimal", "dir": "ltr"}),
    )
    currency = forms.ChoiceField(
        label=gettext_lazy("Currency"),
        required=False,
        choices=[("", "–"), *((value, f"{value} {sign}") for value, sign in Receipt.Currency.choices)],
    )
    issued_on = forms.DateField(
        label=gettext_lazy("Date"),
        required=False,
        input_formats=["%Y-%m-%d"],
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
        validators=[MinValueValidator(FIRST_DAY), MaxValueValidator(LAST_DAY)],
    )
    invoice_number = forms.CharField(
        label=gettext_lazy("Invoice number"),
        max_length=64,
        required=False,
        widget=forms.TextInput({"dir": "auto"}),
    )
    is_refund = forms.BooleanField(label=gettext_lazy("This is a refund"), required=False)
    version = forms.IntegerField(widget=forms.HiddenInput, min_value=1, max_value=2**31 - 1)

    @classmethod
    def of(cls, receipt: Receipt) -> CorrectionForm:
        return cls(initial={name: getattr(receipt, name) for name in cls.base_fields})

    def clean(self) -> dict[str, Any]:
        """A refund's amount becomes negative; a negative amount that isn't marked as a refund is refused as a slip."""
        values = self.cleaned_data
        amount = values.get("amount")
        if amount and values.get("is_refund"):
            values["amount"] = -abs(amount)
        elif amount and amount < 0:
            message = gettext_lazy("Only a refund is negative: tick “This is a refund” or remove the minus.")
            self.add_error("amount", message)
        return values

    def facts(self) -> dict[str, Any]:
        return {name: value for name, value in self.cleaned_data.items() if name in FACTS}


class LinkForm(forms.Form):
    duplicate_of = forms.IntegerField(
        label=gettext_lazy("Duplicate of No."), min_value=1, widget=forms.TextInput({"inputmode": "numeric"})
    )
