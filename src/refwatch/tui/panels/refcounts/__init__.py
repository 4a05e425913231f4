"""The Refcounts panel, and who refers to an object."""
