"""The vocabulary: thread states, events, commands, the snapshot. Structs only, no input or output."""
