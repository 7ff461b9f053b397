"""The zoo's models by name, without importing one."""

from __future__ import annotations

from collections.abc import Mapping

ZOO: Mapping[str, str] = {
    "LightGCN": "kgrec.zoo.lightgcn:LightGCN",
    "KGIN": "kgrec.zoo.kgin:KGIN",
    "KGAT": "kgrec.zoo.kgat:KGAT",
    "KGCN": "kgrec.zoo.kgcn:KGCN",
    "CFKG": "kgrec.zoo.cfkg:CFKG",
    "R-GCN": "kgrec.zoo.rgcn:RGCN",
    "HGT": "kgrec.zoo.hgt:HGT",
    "SASRec": "kgrec.zoo.sasrec:SASRec",
}
"""Name → where its class is."""

SCORERS: Mapping[str, str] = {
    "dot": "kgrec.zoo.scorers:DotScorer",
    "kgcn": "kgrec.zoo.kgcn_scorer:KGCNScorer",
    "pykeen": "kgrec.zoo.pykeen_scorer:PykeenScorer",
    "sasrec": "kgrec.zoo.sasrec_scorer:SASRecScorer",
}
"""Kind of a saved scorer → where its class is; none of these modules imports torch."""
