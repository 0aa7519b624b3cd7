"""Waiting, described as data: one trigger that polls one named condition."""
