"""From a published data set to a manifest: photos untouched, boxes normalised, every loss counted."""
