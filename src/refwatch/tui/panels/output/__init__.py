"""The Output panel: the target's terminal."""
