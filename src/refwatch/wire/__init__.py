"""What crosses a process: events, commands, launches; their encoding, sockets and files."""
