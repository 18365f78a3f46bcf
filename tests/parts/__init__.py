"""The list of parts, held against what is installed, and who is asked about it."""
