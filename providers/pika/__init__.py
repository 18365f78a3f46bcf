"""PIKA: clips, as jobs."""
