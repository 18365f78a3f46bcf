"""The way to a provider and back: client, guarded addresses, deadlines, downloads, and what is read of a response.

Imports the errors of providers; knows no vendor.
"""
