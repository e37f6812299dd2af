"""The experiments of a paper, from data to tables: train what is not trained, measure once, compare.

This room holds what every paper needs: the plan of runs, files, tables and the page. Each paper is a room inside it
that adds its runs, how they are measured and what its tables and figures show.
"""
