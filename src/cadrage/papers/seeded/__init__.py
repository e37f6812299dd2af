"""Papers whose runs have several seeds: values per photo, means over seeds, and what a gain is worth."""
