"""Burst mode: samples of the blocks that the target allocates, with their stacks."""
