"""What the project's promises cost, measured beside their peers. See README.md."""
