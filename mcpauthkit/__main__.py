"""`python -m mcpauthkit`: the command, where its script is not on the path."""

from mcpauthkit.cli.main import main

main()
