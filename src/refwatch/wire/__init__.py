"""Messages between processes: events, commands and launches; their encoding, sockets and files."""
