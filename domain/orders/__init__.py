"""Orders, their stages and works: tables and states, what an order may hold, placing, finding, each move of a stage.

Imports secrets, media, accounts and the files of the domain; knows no provider and no section.
"""
