"""What the product is made of, down to what comes inside wheels: the list of it, and whether holes are known in it."""
