"""OAuth and OpenID Connect messages as values: requests are built, responses are processed, nothing is sent."""
