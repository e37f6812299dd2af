"""What a paper is to the chain that reproduces it, and what became of each of its trainings."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar
from zipfile import BadZipFile

from cadrage.datasets.manifest import PhotoRecord
from cadrage.errors import CadrageError
from cadrage.inference.candidate_lists import CandidateList
from cadrage.papers.contents import Contents
from cadrage.papers.files import RUNS
from cadrage.papers.held_back import CPC, GAICD_V1, DrawnSplit
from cadrage.papers.laid_out import ReproductionReport
from cadrage.papers.plan import Plan, Run
from cadrage.papers.results import MeasuredResult

FAILURES = (CadrageError, ArithmeticError, ValueError, LookupError, RuntimeError, OSError, EOFError, BadZipFile)
"""What may go wrong in one training or one figure without harm to the others.

Among them memory that ran out, a loss that is not finite, and damaged files; not what is not installed.
"""

PUBLISHED_CANDIDATES = CandidateList("hcic-1745")
"""What the papers choose crops among."""

R = TypeVar("R", bound=MeasuredResult)


@dataclass(frozen=True, slots=True)
class Places:
    """Where everything lies: the data, the recipes, and the folder of the reproduction.

    ``changes`` of a trial are made to every recipe; with any, no number may be held against the paper's. Where a paper
    chooses crops, it does so among ``candidates``.
    """

    data: Path
    recipes: Path
    out: Path
    changes: Mapping[str, str] = field(default_factory=dict)
    candidates: CandidateList = PUBLISHED_CANDIDATES

    def run(self, training: str) -> Path:
        """The folder of a training."""
        return self.out / RUNS / training

    def measured(self, training: str) -> Path:
        """The file with the numbers of a training."""
        return self.out / "measured" / f"{training}.json"


@dataclass(frozen=True, slots=True, eq=False)
class Measurement:
    """A trained model that is to be measured on one list of photos.

    Attributes:
        trained: recipe and model, from torch and not through an exported one.
        run, test: which; ``entries`` are the FOLDER:SPLIT entries of the test and ``records`` its photos.
        places: where everything lies.
        beside: may be filled with further numbers of the training that are no test's.
    """

    trained: Any
    run: Run
    test: str
    entries: tuple[str, ...]
    records: Sequence[PhotoRecord]
    places: Places
    beside: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Training(Generic[R]):
    """What became of one training: the ``tests`` that were measured, and why it or others of them were not.

    Attributes:
        run, seed: which.
        reason: why it was not done now; then the numbers are those of an earlier call.
        failed: whether the reason is that something went wrong.
        tests: the results by test.
        absent: what of its data is not there, by test; numbers of such a test are of an earlier call, too.
        data: where they were looked for.
        chosen: which epoch's weights were measured, and by what.
        beside: what measuring found besides, such as what figures need.
        fresh: whether something was measured just now.
    """

    run: Run
    seed: int | None = None
    reason: str = ""
    failed: bool = False
    tests: Mapping[str, R] = field(default_factory=dict)
    absent: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    data: Path = Path()
    chosen: Mapping[str, Any] = field(default_factory=dict)
    beside: Mapping[str, Any] = field(default_factory=dict)
    fresh: bool = False

    @property
    def name(self) -> str:
        """What it is called."""
        return self.run.training(self.seed)

    def lacks(self, test: str) -> str:
        """What of the data of a test is not there, in words; empty if that is not the reason."""
        folders = self.absent.get(test)
        return f"{self.data} has no {' and no '.join(folders)}" if folders else ""

    def why_missing(self, test: str) -> str:
        """Why there are no numbers on a test; empty if there are.

        What made a run fail stands once, in the list of runs.
        """
        if test in self.tests:
            return ""
        if self.failed:
            return f"run {self.run.letter} failed"
        return self.lacks(test) or self.reason or "it was not measured"


@dataclass(frozen=True, slots=True, eq=False)
class Paper(Generic[R]):
    """A paper: its runs, how they are measured, and what its tables and figures show.

    Attributes:
        name: of the command and of the folder of recipes.
        plan: the runs with the recipes of a folder.
        select: the photos of FOLDER:SPLIT entries below a folder of data.
        learned: those that a recipe learns from.
        measure: the plain values of one test.
        result: what they mean when they are read again.
        identity: what says of which training a file of measured numbers is.
        version: of these files; numbers of another one are measured again.
        lay_out: the report on what became of every training.
        contents: its tables and figures, and which runs they need.
        numbering: what must be known of their numbers; empty where they are the paper's.
        drawn_splits: validation photos that papers hold back without listing them; one list of a data set for all.
        chooses: whether its models choose crops among candidates.
        recipes_may_lack: whether runs whose recipe a folder does not have are left out, and have not failed.
    """

    name: str
    plan: Callable[[Path], Plan]
    select: Callable[[Path, tuple[str, ...]], list[PhotoRecord]]
    learned: Callable[[Path, Any], list[PhotoRecord]]
    measure: Callable[[Measurement], Mapping[str, Any]]
    result: Callable[[Mapping[str, Any]], R]
    identity: Callable[[Run, str], Mapping[str, str]]
    version: int
    lay_out: Callable[[Sequence[Training[R]], Places], ReproductionReport]
    contents: Contents
    drawn_splits: tuple[DrawnSplit, ...] = (GAICD_V1, CPC)
    recipes_may_lack: bool = False
    chooses: bool = False
    numbering: str = ""


def one_line(error: BaseException) -> str:
    """The message of an error in one line, never empty."""
    return " ".join(str(error).split()) or type(error).__name__
