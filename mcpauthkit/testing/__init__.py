"""What users of the kit test with: a development issuer, a development service, a clock and a robot."""
