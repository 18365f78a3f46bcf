"""A real Chromium in front of the running product."""
