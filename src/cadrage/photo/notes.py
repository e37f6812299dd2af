"""What somebody should know about a photo that could be read, or about a file that was made of it."""

from dataclasses import dataclass

SEVERAL_PICTURES = "several_pictures"
DAMAGE_IGNORED = "damage_ignored"
HIGH_DYNAMIC_RANGE = "high_dynamic_range"
DEPTH_REDUCED = "depth_reduced"
FLAGS = (SEVERAL_PICTURES, DAMAGE_IGNORED, HIGH_DYNAMIC_RANGE, DEPTH_REDUCED)


@dataclass(frozen=True, slots=True)
class Note:
    """One such thing: ``flag``, one of ``FLAGS``, for programs, and what it ``says`` in one line for people."""

    flag: str
    says: str
