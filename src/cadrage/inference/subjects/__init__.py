"""What a crop should not cut: detectors, what they find on one photo, and whom the photo is about."""
