"""What reproductions of papers on evaluators share: values per photo, runs with several seeds, what a gain is worth."""
