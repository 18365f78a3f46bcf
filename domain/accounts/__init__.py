"""Who may: administrators and their sessions, API tokens, passwords.

Imports the files of the domain alone.
"""
