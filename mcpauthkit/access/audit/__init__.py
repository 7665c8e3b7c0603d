"""The record of what was decided: the trail, where it goes, and the chain that shows tampering."""
