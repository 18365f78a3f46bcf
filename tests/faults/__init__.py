"""Breaking things: each test strikes a running system and asks what is left of it."""
