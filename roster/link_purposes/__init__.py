"""What people may do about the roster from a message, without logging in: one module a topic."""
