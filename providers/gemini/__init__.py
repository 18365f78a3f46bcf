"""GEMINI: poems by generateContent."""
