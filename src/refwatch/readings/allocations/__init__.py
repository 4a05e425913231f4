"""What is allocated where."""
