"""Who refers to one object: a screen that several panels open."""
