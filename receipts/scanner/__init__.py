"""Scans mail in a bounded child process, which a hostile mail may crash or fill."""
