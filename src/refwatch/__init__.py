"""refwatch: who keeps a Python program's memory alive, and who makes its threads wait."""

__version__ = "0.1.0"
