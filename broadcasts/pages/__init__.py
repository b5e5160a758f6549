"""The members' pages of broadcasts and opt-outs."""

from . import opt_outs
from .broadcasts import start_form
from .broadcasts import urlpatterns as broadcast_urls

__all__ = ["start_form", "urlpatterns"]

urlpatterns = [*broadcast_urls, *opt_outs.urlpatterns]
