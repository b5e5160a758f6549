"""Static files whose names contain their hash: browsers cache them for a year, and a change has a new name."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # whitenoise is untyped
    support_js_module_import_aggregation = True  # or a module's own imports would bypass the hashes
