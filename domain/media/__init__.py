"""Where the files of works are kept: a folder or a bucket.

Imports nothing of ours.
"""
