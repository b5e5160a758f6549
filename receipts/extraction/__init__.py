"""Whether a mail is a receipt, and the facts of it: total, day, number and vendor."""
