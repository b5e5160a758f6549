"""The text of PDFs, line by line, and the e-invoices embedded in them."""
