"""SPEECHKIT: voices by Yandex SpeechKit."""
