"""The staff's admin: its name, mark, colours and menu."""

from collections.abc import Callable

from django.http import HttpRequest
from django.templatetags.static import static


def static_url(name: str) -> Callable[[HttpRequest], str]:
    return lambda request: static(name)


UNFOLD = {
    "SITE_TITLE": "Unstuck",
    "SITE_HEADER": "Unstuck",
    "SITE_ICON": static_url("runs/mark.svg"),
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": static_url("runs/mark.svg")}],
    "STYLES": [static_url("runs/admin.css")],
    "DASHBOARD_CALLBACK": "runs.admin.home.show_operations",
    "ENVIRONMENT": "runs.admin.navigation.name_time_zone",
    "SHOW_LANGUAGES": True,
    "SHOW_HISTORY": False,
    "SIDEBAR": {"navigation": "runs.admin.navigation.build_navigation"},
    # The blue of the mark, from the lightest to the darkest.
    "COLORS": {
        "primary": {
            "50": "#eff4ff",
            "100": "#dbe6fe",
            "200": "#bfd3fe",
            "300": "#9db5ff",
            "400": "#7d9dff",
            "500": "#5b80f0",
            "600": "#2f5bd8",
            "700": "#274bb5",
            "800": "#243f92",
            "900": "#213873",
            "950": "#172347",
        },
    },
}
