"""Whether a crop overlaps the truth enough."""

from cadrage.evaluation.metrics.overlap import reaches


def alpha_recall(iou: float, alpha: float = 0.75) -> float:
    """1.0 if a photo's ``iou`` reaches ``alpha`` within 1e-6, else 0.0; the mean over photos is the alpha-recall.

    Chen et al., ACM MM 2017, section on image cropping, with alpha = 0.75 as all who followed.
    """
    return float(reaches(iou, alpha))
