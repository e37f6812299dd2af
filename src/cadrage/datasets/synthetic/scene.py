"""What a drawn photo shows. Everything that its quality depends on is in here, and all of it can be seen."""

from dataclasses import dataclass, replace

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Subject:
    """A body that a crop should keep: a round one, or a person who points to one side."""

    box_xyxy: Box
    hue: float
    """0 to 1 around the colour wheel; a companion has the hue of its subject."""
    points: int = 0
    """Where the arm of a person points: 1 to the right, -1 to the left; 0 makes it a round body."""

    @property
    def is_person(self) -> bool:
        """Whether this is a person, who has arms to point with."""
        return self.points != 0


@dataclass(frozen=True, slots=True)
class Scene:
    """A drawn photo: a subject before a horizon, a companion or a lamp, and striped boards at the border."""

    size_wh: tuple[int, int]
    horizon: float
    """Height of the horizon as a fraction of the photo, from the top."""
    subject: Subject
    companion: Subject | None = None
    boards_xyxy: tuple[Box, ...] = ()
    """Distractors: striped boards that reach into the photo from its border."""
    lamp_xyxy: Box | None = None
    """At the left or right border, outside of almost every crop: a single body wants room on the side of the lamp."""
    texture: int = 0
    """Seed of colours and grain, which do not matter to the quality."""

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """The subject and, if there is one, its companion."""
        return (self.subject,) if self.companion is None else (self.subject, self.companion)

    @property
    def faces(self) -> int:
        """On which side the subject wants room: 1 right, -1 left, 0 either; shown by a person's arm, else by a lamp."""
        if self.subject.is_person or self.lamp_xyxy is None:
            return self.subject.points
        return 1 if self.lamp_xyxy[0] > 0.5 else -1


def mirror_scene(scene: Scene) -> Scene:
    """The scene flipped left to right, with the same grain."""
    return replace(
        scene,
        subject=_mirror_subject(scene.subject),
        companion=None if scene.companion is None else _mirror_subject(scene.companion),
        boards_xyxy=tuple(_mirror_box(box) for box in scene.boards_xyxy),
        lamp_xyxy=None if scene.lamp_xyxy is None else _mirror_box(scene.lamp_xyxy),
    )


def _mirror_subject(subject: Subject) -> Subject:
    return replace(subject, box_xyxy=_mirror_box(subject.box_xyxy), points=-subject.points)


def _mirror_box(box: Box) -> Box:
    x1, y1, x2, y2 = box
    return 1 - x2, y1, 1 - x1, y2
