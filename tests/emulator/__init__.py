"""The providers over real HTTP, with keys, catalogues, credit and every failure to be switched on.

``server.Emulator`` runs one server for all of them, ``python -m tests.emulator`` runs it by hand. A provider is a
``state.Room`` with a Flask blueprint in a module of its own; a new one is a line in ``server.Emulator``.
"""
