"""The user's own account: change the password, sign out everywhere."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.views import LogoutView, PasswordChangeView
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from .password import verify_password
from .sign_out import sign_out_everywhere


class OwnPasswordForm(PasswordChangeForm):
    error_messages = {
        **PasswordChangeForm.error_messages,
        "password_incorrect": _("This isn't your current password."),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["old_password"].label = _("Current password")
        del self.fields["old_password"].widget.attrs["autofocus"]  # screen readers would begin there, in mid-page

    def clean_old_password(self) -> str:
        """Raises `TooManyRequests`."""
        password: str = self.cleaned_data["old_password"]
        if not verify_password(self.user, password):
            raise ValidationError(self.error_messages["password_incorrect"], code="password_incorrect")
        return password


class Account(PasswordChangeView):
    """The browser that changes the password stays signed in; all other sessions and tokens end."""

    form_class = OwnPasswordForm
    template_name = "registration/account.html"
    success_url = reverse_lazy("account")

    def form_valid(self, form: Any) -> HttpResponse:
        messages.success(self.request, _("Your password was changed. You were signed out everywhere else."))
        return super().form_valid(form)


class SignOut(LogoutView):
    """With `all` in the form, sign out everywhere."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if "all" in request.POST and request.user.is_authenticated:
            sign_out_everywhere(request.user)
        return super().post(request, *args, **kwargs)
