"""What people ask of policies before they take effect: what tests show, what changes, what is probably not meant."""
