"""What is wrong, for whom, and what helps: pure functions of the state."""
