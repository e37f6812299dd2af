"""The protocols of the field: what is asked of a predictor, and how its answer is held against the truth."""

from cadrage.evaluation.protocols.any_box import CPC_ANYBOX, GAICD_ANYBOX
from cadrage.evaluation.protocols.crops import FCDB_FREE, FCDB_RATIO, FLMS
from cadrage.evaluation.protocols.metric_info import METRICS, MetricInfo
from cadrage.evaluation.protocols.pairs import FCDB_PAIRS
from cadrage.evaluation.protocols.protocol import Judgement, Pooled, Protocol
from cadrage.evaluation.protocols.ranking import GAICD_RANKING

PROTOCOLS = {
    protocol.name: protocol
    for protocol in (FCDB_FREE, FCDB_RATIO, FCDB_PAIRS, FLMS, GAICD_RANKING, GAICD_ANYBOX, CPC_ANYBOX)
}

__all__ = ["METRICS", "PROTOCOLS", "Judgement", "MetricInfo", "Pooled", "Protocol"]
