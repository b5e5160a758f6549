"""What `manage.py seed_demo` adds to each business, one module a run type."""

from demo.seeds import broadcasts, receipts, recordings

SEEDS = (receipts.seed, broadcasts.seed, recordings.seed)
