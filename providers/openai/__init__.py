"""OPENAI: poems by the Responses API, or by Chat Completions at a gateway."""
