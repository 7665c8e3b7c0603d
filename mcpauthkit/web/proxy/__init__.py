"""The authorization proxy: an authorization server for MCP clients in front of an issuer that does not register them.

A login takes these steps: the client's request (`authorize`), our consent page, the issuer's login with our own client
and our own PKCE verifier, our callback, the client's token request (`token`). Nothing is kept here in between. Client
ids, consent links, codes and refresh tokens are sealed values, and the login in progress is a sealed cookie, so any
replica with the same key ring goes on where another stopped. Codes are single use because the issuer's code inside is.
"""
