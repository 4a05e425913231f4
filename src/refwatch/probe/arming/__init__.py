"""Children that start a Python interpreter anew get the probe, through their environment."""
