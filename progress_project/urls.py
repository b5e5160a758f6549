"""All URLs of the project. Applications bring their own under `api/` and under a business's page."""

from django.contrib import admin
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.templatetags.static import static
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView
from django.views.i18n import set_language

from progress_project.pages import overview
from runs.api import urls as api
from runs.api.health import metrics, readyz
from runs.pages import access, card, errors, history, home, run
from runs.sign_in.pages import Account, SignOut


def healthz(request: HttpRequest) -> HttpResponse:
    """This process answers. /readyz says whether it can serve."""
    return HttpResponse("ok\n", content_type="text/plain", headers={"Cache-Control": "no-store"})


def favicon(request: HttpRequest) -> HttpResponse:
    """Browsers ask for it by this name where no page of ours has named one, as beside the API's JSON."""
    return redirect(static("runs/mark.svg"))


api_urls: list[URLPattern | URLResolver] = [
    path("", include(api)),
    path("receipts/", include("receipts.api")),
    path("whatsapp/", include("broadcasts.api")),
    path("recordings/", include("recordings.api.views")),
    api.nowhere,  # last: it takes every other address
]

page_urls: list[URLPattern | URLResolver] = [
    path("", home.home_page, name="home"),
    path("b/<slug:slug>/", overview, name="business"),
    path("b/<slug:slug>/runs/", history.history_page, name="history"),
    path("b/<slug:slug>/runs/<str:type>/<int:id>/", run.run_page, name="run"),
    path("b/<slug:slug>/receipts/", include("receipts.pages")),
    path("b/<slug:slug>/broadcasts/", include("broadcasts.pages")),
    path("b/<slug:slug>/recordings/", include("recordings.pages")),
    path("card/", card.card_docs, name="card"),
    path("login/", access.page(LoginView.as_view(redirect_authenticated_user=True)), name="login"),
    path("logout/", access.page(SignOut.as_view()), name="logout"),
    path("account/", access.page(Account.as_view()), name="account"),
    path("language/", access.page(set_language), name="set_language"),
]

urlpatterns = [
    path("api/", include((api_urls, "api"))),  # first: cards ask it every few seconds
    *page_urls,
    # Before the admin's own: a sign-in like any other, and one place to change one's password.
    path("admin/login/", access.page(admin.site.login)),
    path("admin/password_change/", RedirectView.as_view(pattern_name="account")),
    path("admin/", admin.site.urls),
    path("favicon.ico", favicon),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
]

handler400 = errors.bad_request
handler403 = errors.forbidden
handler404 = errors.not_found
handler500 = errors.server_error
