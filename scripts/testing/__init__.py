"""What `make test` is made of: its parts, and how they are run side by side."""
