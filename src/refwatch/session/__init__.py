"""The fold: events become a state with bounded memory, and the state becomes a diagnosis."""
