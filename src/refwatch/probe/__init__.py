"""The probe: code inside the target, which calibrates by experiment, then sleeps until asked.

It runs in someone else's interpreter, perhaps in another virtual environment, so it imports only
the standard library, and it is loaded under a private name. It never calls the target's code. Its
failures are messages to the daemon, never exceptions in the target.
"""
