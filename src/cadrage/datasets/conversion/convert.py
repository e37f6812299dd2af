"""Turns a published data set into a manifest: photos untouched, boxes normalised, every loss counted."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from cadrage import __version__
from cadrage.datasets.ahead import in_order
from cadrage.datasets.conversion.journal import Journal
from cadrage.datasets.conversion.placing import IMAGES, Placed, leave_out, place
from cadrage.datasets.conversion.raw import LeftOut, PhotoMode, RawPhoto, Reading
from cadrage.datasets.conversion.report import Conversion, write_result
from cadrage.datasets.conversion.tally import Tally
from cadrage.datasets.manifest import METADATA
from cadrage.errors import OutputError, PhotoError, UsageError
from cadrage.photo import open_photo


def bring(photo: Path, target: Path, mode: PhotoMode) -> None:
    """Make ``target`` the same file as ``photo`` (``link``) or a copy of it (``copy``, or where links are impossible).

    A link is a hard link to the file behind any symbolic links. A target that is that file or has the same content is
    left as it is.

    Raises:
        OutputError: ``target`` is another file, or cannot be written.
    """
    try:
        if os.path.lexists(target):
            _check_same(photo, target)
        elif mode == "copy" or not _linked(photo, target):
            _copy(photo, target)
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error.strerror}; check the folder and the free space") from error


def _check_same(photo: Path, target: Path) -> None:
    if not target.exists() or not (target.samefile(photo) or _same_content(photo, target)):
        raise OutputError(f"cannot write {target}: another file is there; move it away or choose another folder")


def _same_content(photo: Path, target: Path) -> bool:
    if photo.stat().st_size != target.stat().st_size:
        return False
    with photo.open("rb") as one, target.open("rb") as other:
        while block := one.read(1 << 20):
            if block != other.read(len(block)):
                return False
    return True


def _linked(photo: Path, target: Path) -> bool:
    try:
        # Systems differ in whether a link to a symbolic link leads to its file.
        os.link(os.path.realpath(photo), target)
    except OSError:
        # Another file system, one without links, or a file of somebody else: copying may still work.
        return False
    return True


def _copy(photo: Path, target: Path) -> None:
    # Under the final name there is never half a photo.
    temporary = target.with_name(f".{uuid4().hex}.tmp")
    try:
        with photo.open("rb") as source, temporary.open("xb") as copy:
            shutil.copyfileobj(source, copy, 1 << 20)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


PARTIAL = f"{METADATA}.partial"


def convert(
    reading: Reading,
    dst: Path,
    *,
    photos: PhotoMode = "link",
    workers: int | None = None,
    overwrite: bool = False,
    advance: Callable[[], None] = lambda: None,
    tell: Callable[[LeftOut], None] = lambda _: None,
) -> Conversion:
    """Write the manifest of a data set to ``dst``: ``metadata.jsonl``, ``images/``, ``splits/``, ``conversion.json``.

    What is done is noted in ``metadata.jsonl.partial``; after an interruption the same call goes on from there. The
    manifest appears last and all at once. The same data set gives the same bytes. Memory does not grow with the boxes,
    only with the names of the photos.

    Args:
        photos: ``link`` makes hard links where it can and copies elsewhere, ``copy`` copies, ``none`` leaves the photos
            where they are; then photos that are not there at all are kept if their size is known.
        workers: threads that read headers and bring photos; by default a few more than there are cores.
        overwrite: whether a finished manifest in ``dst`` is replaced. Photos are never written over, whatever is said.
        advance: called for every photo that has been dealt with.
        tell: called with what should be repaired in the data set, photo by photo.

    Raises:
        UsageError: ``dst`` is inside the data set or holds a manifest already; no photo could be converted; or so many
            boxes lie outside their photos that the data set as a whole is misunderstood. There is no manifest then.
        OutputError: ``dst`` cannot be written.
    """
    _check_folders(reading.folder, dst, overwrite)
    job = _Job(reading, dst, photos)
    try:
        (dst / IMAGES).mkdir(parents=True, exist_ok=True)
        journal = Journal(dst / PARTIAL, {"cadrage": __version__, "dataset": reading.dataset, "photos": photos})
    except OSError as error:
        raise OutputError(f"cannot write to {dst}: {error.strerror}; check the path and its permissions") from error
    tally = Tally(reading.tolerated, tell)
    try:
        for fingerprint, placed in in_order(job.done, job.tasks(journal), workers=workers):
            if fingerprint is not None:
                journal.append(fingerprint, placed)
            tally.add(placed)
            advance()
        if not tally.counts["photos"]:
            raise UsageError(tally.nothing(reading))
        if verdict := tally.doubts.verdict():
            raise UsageError(f"{reading.folder}: {verdict}; no manifest was written")
        result = write_result(dst, journal, tally.conversion(reading.dataset, dst, photos), overwrite=overwrite)
    except OSError as error:
        raise OutputError(f"cannot write to {dst}: {error.strerror}; free some space and run again") from error
    except UsageError:
        journal.remove()
        # They are empty if no photo was brought, and then nothing is left behind.
        with suppress(OSError):
            (dst / IMAGES).rmdir()
            dst.rmdir()
        raise
    finally:
        journal.close()
    journal.remove()
    return result


@dataclass(slots=True)
class _Job:
    """Looks at single photos; runs in threads."""

    reading: Reading
    dst: Path
    photos: PhotoMode

    def tasks(self, journal: Journal) -> Iterator[tuple[RawPhoto, Placed | None]]:
        """Every photo, with its outcome if an earlier, interrupted run has noted it."""
        seen: set[str] = set()
        for raw in self.reading:
            if raw.left_out is None and raw.name in seen:
                twice = LeftOut("duplicate-name", f"{raw.where}: {raw.name} has been converted already; remove one")
                raw = RawPhoto(raw.name, raw.where, left_out=twice)
            elif raw.left_out is None:
                seen.add(raw.name)
            yield raw, journal.replay(raw.fingerprint(), self._holds) if journal.replaying else None

    def done(self, task: tuple[RawPhoto, Placed | None]) -> tuple[str | None, Placed]:
        """The fingerprint of the photo, None if it has been noted, and its outcome."""
        raw, known = task
        return (None, known) if known is not None else (raw.fingerprint(), self._look(raw))

    def _holds(self, noted: Placed) -> bool:
        return noted.row is None or self.photos == "none" or (self.dst / IMAGES / noted.name).exists()

    def _look(self, raw: RawPhoto) -> Placed:
        if raw.left_out is not None:
            return Placed(raw.name, None, None, {}, raw.left_out)
        if raw.file is None and self.photos != "none":
            return leave_out(raw, "missing-photo", f"there is no photo {raw.name}")
        shown = os.path.relpath(raw.file, self.reading.folder) if raw.file else ""
        try:
            placed = place(raw, open_photo(raw.file, name=shown) if raw.file else None)
        except PhotoError as error:
            return Placed(raw.name, None, None, {}, LeftOut("unreadable-photo", str(error)))
        if placed.row is not None:
            try:
                self._bring(raw)
            except OutputError as error:
                return Placed(raw.name, None, None, {}, LeftOut("blocked-photo", str(error)))
        return placed

    def _bring(self, raw: RawPhoto) -> None:
        if self.photos != "none" and raw.file is not None:
            bring(raw.file, self.dst / IMAGES / raw.name, self.photos)


def _check_folders(src: Path, dst: Path, overwrite: bool) -> None:
    source, target = src.resolve(), dst.resolve()
    if target == source or source in target.parents:
        raise UsageError(f"{dst}: lies in the data set itself, which is only read; choose a folder outside of {src}")
    if dst.exists() and not dst.is_dir():
        raise UsageError(f"{dst}: is a file; name a folder")
    if (dst / METADATA).exists() and not overwrite:
        raise UsageError(f"{dst}: holds a converted data set already; choose another folder or allow --overwrite")
