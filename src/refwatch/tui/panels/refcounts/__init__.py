"""Refcounts panel."""
