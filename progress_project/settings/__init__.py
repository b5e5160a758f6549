"""Settings, read once from the environment (see `.env.example`), failing loudly where one is missing.

With nothing configured at all this is the demo: DEBUG, an embedded PostgreSQL and a broker of files.
As soon as DATABASE_URL or SECRET_KEY is set it is production, and DEBUG must be asked for by name.

Each module has the settings of one subject; none is set in two of them.
"""

from progress_project.settings.admin import *  # noqa: F403
from progress_project.settings.api import *  # noqa: F403
from progress_project.settings.applications import *  # noqa: F403
from progress_project.settings.base import *  # noqa: F403
from progress_project.settings.broadcasts import *  # noqa: F403
from progress_project.settings.caches import *  # noqa: F403
from progress_project.settings.celery import *  # noqa: F403
from progress_project.settings.database import *  # noqa: F403
from progress_project.settings.files import *  # noqa: F403
from progress_project.settings.languages import *  # noqa: F403
from progress_project.settings.logs import *  # noqa: F403
from progress_project.settings.receipts import *  # noqa: F403
from progress_project.settings.recordings import *  # noqa: F403
from progress_project.settings.runs import *  # noqa: F403
from progress_project.settings.sign_in import *  # noqa: F403
from progress_project.settings.transport import *  # noqa: F403
