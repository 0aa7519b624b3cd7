"""Verbs of the command line, by what they need: `audit` nothing but files, `records` the store of the evidence."""
