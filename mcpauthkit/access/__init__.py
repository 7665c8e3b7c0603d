"""Between the legs: who may see and call what, and the record of it."""
