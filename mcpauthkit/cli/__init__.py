"""The `mcpauthkit` command: what operators do to a running application from outside."""
