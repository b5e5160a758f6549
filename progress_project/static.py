"""Static files under names that hold their hash: kept by browsers for a year, and new with every change."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # whitenoise is untyped
    support_js_module_import_aggregation = True  # or a module's own imports would bypass the hashes
