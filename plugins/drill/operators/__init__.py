"""The drill's verbs, one per file. Each is a sentence: read the docket, do one thing, record what was observed."""
