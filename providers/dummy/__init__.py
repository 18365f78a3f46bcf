"""DUMMY: samples of all four works, made here, with no account and no key."""
