"""Recordings as sound: their formats, whether they are complete, and their samples. They are decoded in a child."""
