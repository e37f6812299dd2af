"""Everything that can go missing between a published data set and its manifest, by name; nothing is lost unnamed."""

# Photos, and things that should belong to one.
LEFT_OUT = {
    "malformed-annotation": "photos whose annotation is malformed",
    "missing-photo": "annotated photos that are not there",
    "unreadable-photo": "photos that cannot be read",
    "other-size": "photos of another size than the annotated one",
    "boxes-beyond-photo": "photos too small for their boxes",
    "unknown-size": "photos that are not there and whose size nothing tells",
    "duplicate-name": "photos that occur more than once",
    "blocked-photo": "photos whose place in the new folder is taken or cannot be written",
    "placeholder": "files that stand for several photos, such as 'no longer available'",
    "no-crops-left": "photos without a usable crop",
    "photo-without-annotation": "photos without annotation",
    "person-without-annotation": "person boxes of photos without annotation",
    "split-without-annotation": "names in split lists without annotation",
}

# Ordinary in a sound copy of a data set; all others mean that something should be repaired.
HARMLESS = frozenset(
    {
        "placeholder",
        "no-crops-left",
        "photo-without-annotation",
        "person-without-annotation",
        "split-without-annotation",
    }
)

DROPPED = {
    "crop-unrated": "crops that nobody rated (score -2)",
    "crop-below-1": "crops with a score below 1, the lowest grade: a vote is missing",
    "crop-padding": "rows that only fill the table (negative numbers)",
    "crop-empty": "crops without area or with swapped corners",
    "crop-outside": "crops that reach far beyond the photo",
    "pair-empty": "pairs with a view without area",
    "pair-outside": "pairs with a view that reaches far beyond the photo",
    "person-empty": "person boxes without area",
    "person-outside": "person boxes that reach far beyond the photo",
}

NOTED = {
    "box-clipped": "boxes clipped: they reached over the border by at most 1 % of the side or 2 px",
    "photo-turned": "photos whose boxes were turned with them (EXIF orientation)",
    "lines-not-90": "text files of another length than the 90 lines of GAICD: cut off, unless they are your own",
    "size-inferred": "photos whose size was worked out from their boxes",
    "size-within-1-px": "of those, photos for which two sizes 1 px apart fit and the closer fit was taken",
}
