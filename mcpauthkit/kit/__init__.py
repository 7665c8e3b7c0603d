"""The short form: every part of the kit, put together from one public address."""
