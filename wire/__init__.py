"""The web server: gunicorn keeps the processes, waitress the connections, and what neither has is here.

A request reaches the application, and takes a thread, once all of it is there; an answer is sent without one. So who
sends or reads slowly keeps nobody from being served, and is hung up on in the end.
"""
