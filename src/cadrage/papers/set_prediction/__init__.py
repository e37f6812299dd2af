"""Jia et al., "Rethinking Image Cropping: Exploring Diverse Compositions from Global Views", CVPR 2022.

Its eleven trainings, what each is measured on, Tables 1 to 5 and Figures 3 to 7.
"""
