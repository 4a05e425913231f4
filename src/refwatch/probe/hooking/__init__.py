"""Sees some of the blocks that the target allocates, and the frames that ask for them."""
