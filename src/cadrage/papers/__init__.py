"""The four published systems: recipes, runs, tables, figures, and what was published.

| paper | where its runs, tables and figures are described |
|---|---|
| set prediction, CVPR 2022 | ``set_prediction/``: runs (``paper.py``), Tables 1 to 5 (``tables.py``), ``figures.py`` |
| grid anchors, TPAMI 2020 | ``grid_anchor.py``: Tables 3 to 6 and GAICD v1 |
| human-centric cropping, ECCV 2022 | ``human_centric.py`` |
| global attention, GAFIC | ``global_attention.py`` |

``chain.py`` reproduces any of them: plan, see what is ready, train, measure once, remember, lay out. A further paper is
a description that ends in ``PAPER``, a folder in ``recipes/`` and an entry of ``names.PAPERS``.
"""
