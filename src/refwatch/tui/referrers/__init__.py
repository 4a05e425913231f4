"""Who refers to one object: a screen that panels and screens open."""
