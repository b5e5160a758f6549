"""Accounts and sign-in."""

from datetime import timedelta

AUTHENTICATION_BACKENDS = [
    "runs.sign_in.backend.ThrottledSignIn",
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/login/"

# Wrong guesses lock out the name from the guesser's address only, so that nobody can lock out a member.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False
AXES_LOCKOUT_CALLABLE = "runs.pages.errors.locked_out"
AXES_CLIENT_IP_CALLABLE = "runs.sign_in.address.client_address"
AXES_USERNAME_CALLABLE = "progress_project.tried_name.tried_name"
