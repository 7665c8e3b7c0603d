"""The attack table of leg 1: what strangers try, and the exact answer to each.

The rows are data, by theme. Their answers are written from the rules (RFC 6750, 7515, 7519 and 9068, and the table of
leg 1 in the design), never taken from the program.
"""
