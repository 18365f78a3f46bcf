"""The tables, and the rules on them. Knows no HTTP request of ours and no Celery."""
