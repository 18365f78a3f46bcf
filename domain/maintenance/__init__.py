"""What keeps the house: the sweep, steps of the clock, a new ADMIN_SECRET_KEY and what it encrypts.

Imports every other package of the domain; none imports this one.
"""
