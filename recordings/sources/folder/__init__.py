"""A folder that a telephone exchange such as Asterisk or FreePBX fills."""
