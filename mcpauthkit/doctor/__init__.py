"""The doctor: what is wrong with a set-up, from inside and from outside, and how to mend it."""
