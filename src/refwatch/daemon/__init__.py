"""Starts the target, runs the observers beside it, serves viewers. One daemon a session."""
