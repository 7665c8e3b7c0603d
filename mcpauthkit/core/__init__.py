"""Values without I/O: time, chance, addresses, encodings, secrets and seals."""
