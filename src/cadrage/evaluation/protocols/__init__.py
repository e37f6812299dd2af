"""The protocols of the field: what is asked of a predictor, and how its answer is held against the truth."""

from cadrage.evaluation.protocols.any_box import CPC_ANYBOX, GAICD_ANYBOX
from cadrage.evaluation.protocols.crops import FCDB_FREE, FCDB_RATIO, FLMS
from cadrage.evaluation.protocols.given_boxes import FCDB_PAIRS, GAICD_RANKING
from cadrage.evaluation.protocols.protocol import METRICS, Judgement, MetricInfo, Pooled, Protocol

PROTOCOLS = {
    protocol.name: protocol
    for protocol in (FCDB_FREE, FCDB_RATIO, FCDB_PAIRS, FLMS, GAICD_RANKING, GAICD_ANYBOX, CPC_ANYBOX)
}

__all__ = ["METRICS", "PROTOCOLS", "Judgement", "MetricInfo", "Pooled", "Protocol"]
