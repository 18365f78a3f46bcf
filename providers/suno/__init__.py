"""SUNO: songs, as jobs."""
