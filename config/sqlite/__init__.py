"""Django's SQLite backend, with writers who wait in line instead of sleeping and trying again."""
