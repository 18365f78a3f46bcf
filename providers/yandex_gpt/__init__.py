"""YANDEX_GPT: poems by Foundation Models."""
