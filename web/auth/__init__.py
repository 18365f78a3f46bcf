"""Signing in: sessions, known devices, and how fast somebody may guess."""
