"""The vocabulary: states, events, commands, the snapshot. Structs only, no input or output."""
