"""What runs inside the target: it calibrates by experiment, then sleeps until it is asked.

It lives in someone else's interpreter, perhaps of another virtual environment, so it imports the
standard library alone and no other room, and it is loaded under a private name. It never calls the
target's code. A failure of its own is a message to the daemon, never an exception in the target.
"""
