"""The adapters, against the emulated providers over real HTTP."""
