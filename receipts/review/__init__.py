"""What people decide about receipts, and which receipts are duplicates."""
